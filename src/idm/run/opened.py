"""A trained model, opened: what drawing, scoring and editing need of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from idm.core.progress import SILENT, Listener, warn_once
from idm.diffusion import Clipped, Denoiser, GaussianDiffusion, ModelKwargs
from idm.guidance import ClassifierFreeGuidance
from idm.run.build import build_sampler
from idm.run.conditioned import Conditioned
from idm.run.plans import refuse_spacing
from idm.run.solver_fit import FITTED_SAMPLER, fitted_sampler
from idm.samplers import Sampler
from idm.schedules import Grid
from idm.settings.experiment import SamplerSettings
from idm.settings.validate import lay


@dataclass(frozen=True, eq=False, repr=False)
class Opened(Conditioned):
    """The part of a ``Run`` that drawing, scoring and editing need: denoisers and samplers."""

    def denoiser(
        self, process: GaussianDiffusion, conditioning: ModelKwargs, *, clip: bool = False, guidance: float = 1.0
    ) -> Denoiser:
        """Return what the network finds on a process's levels.

        Args:
            process: the run's own, or the same on other levels.
            conditioning: from ``label_kwargs`` or ``unlabelled_kwargs``.
            clip: clamp x_0 to [-1, 1].
            guidance: scale of classifier-free guidance; 1 is off.

        Raises:
            SettingsError: guidance of a network that was trained without label dropout, or without labels.
        """
        if guidance == 1.0:
            return process.denoiser(self.model, conditioning=conditioning, clip=clip)
        null_label = self.require_guidance(guidance)
        without = {**conditioning, "y": torch.full_like(conditioning["y"], null_label)}
        with_class, classless = (
            process.denoiser(self.model, conditioning=given, clip=False) for given in (conditioning, without)
        )
        guided = ClassifierFreeGuidance(with_class, classless, guidance)
        return Clipped(guided) if clip else guided

    def sampler(self, /, *, plan: str | None = None, listener: Listener = SILENT, **changes: Any) -> Sampler:
        """Return the run's sampler, with settings changed: ``run.sampler(name="ddpm", steps=250)``.

        Options of the sampler itself are named as in its class: ``run.sampler(eta=0.3)``. A sampler that is named
        without a spacing has the one that it is made for, if there is one, and else the run's own. At most 20 steps,
        ``run.sampler(steps=10)``, are taken by the run's ``sampler.few_steps`` where neither sampler nor spacing is
        named, but for another variance than the model's, of which that one has no use.

        Args:
            plan: levels chosen for this run, in place of a spacing: a planner, such as "trajectory", or the name of a
                plan that was kept, such as "trajectory-10".
            listener: hears how planning gets on.
            changes: settings; ``name="fitted", steps=4`` is the solver that ``fit_solver(4)`` fitted.

        Raises:
            SettingsError: settings that there are not, or out of range; a plan and a spacing; no such solver.
            CheckpointError: the solver, the plan, or what it is made from, is that of another checkpoint, or damaged.
        """
        if changes.get("name") == FITTED_SAMPLER:
            asked = changes if plan is None else {**changes, "plan": plan}
            return fitted_sampler(self.fits, self.diffusion, asked, bounded=self.spec.codec.bounded)
        grid = None
        if plan is not None:
            grid = self.planned_grid(plan, changes, listener, of_samples=True)
            changes = {**changes, "steps": grid.num_timesteps}
        settings = self.sampler_settings(changes)
        return build_sampler(self.diffusion, settings, bounded=self.spec.codec.bounded, grid=grid)

    def sampler_settings(self, changes: Mapping[str, Any]) -> SamplerSettings:
        """Return the settings of the sampler that is used where some of them are changed; errors as of ``sampler``."""
        settings = lay(self.experiment.sampler, changes, path="sampler")
        if "spacing" in changes:
            return settings
        if "name" in changes:
            return settings.with_usual_spacing()
        # Multistep solvers have no use for a variance, and a mean of x_{t-1} has no meaning between the steps.
        if self.variance != "model" or self.diffusion.prediction.is_mean:
            return settings
        return settings.for_its_steps(changes.keys() - {"steps", "few_steps"})

    def planned_grid(
        self, plan: str, settings: Mapping[str, Any], listener: Listener = SILENT, *, of_samples: bool = False
    ) -> Grid:
        """Return the levels of a plan, for as many steps as settings say; errors as of ``sampler``.

        Levels of the smallest bound are a poor choice ``of_samples``, as is said once.
        """
        from idm.run.planners import OF_BOUNDS, planned  # planners take runs

        refuse_spacing(plan, settings)
        found = planned(self, plan, settings.get("steps"), listener)
        if of_samples and found.planner in OF_BOUNDS:
            warn_once(
                f"plan: {found.name} has the levels of the smallest bound, samples are better with plan=trajectory"
            )
        return found.grid(self.diffusion.grid)
