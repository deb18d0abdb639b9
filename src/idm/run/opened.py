"""A trained model, opened: what drawing, scoring and editing need of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from idm.core.progress import SILENT, Listener, warn_once
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.run.build import build_sampler
from idm.run.guidable import Guidable
from idm.run.plans import refuse_spacing
from idm.run.solver_fit import FITTED_SAMPLER, fitted_sampler
from idm.samplers import Sampler
from idm.schedules import Grid
from idm.settings.experiment import SamplerSettings
from idm.settings.validate import lay


@dataclass(frozen=True, eq=False, repr=False)
class Opened(Guidable):
    """The part of a ``Run`` that drawing, scoring and editing need: denoisers and samplers."""

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

    def scoring_denoiser(self, y: Tensor | None, process: GaussianDiffusion | None = None) -> Denoiser:
        """Return what bounds and error curves of samples with labels y see: clipped where the data are bounded."""
        given = self.spec.label_kind.given(None if y is None else y.to(self.device))
        return self.denoiser(process or self.diffusion, given, clip=self.spec.codec.bounded)

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
        found = planned(self.unguided, plan, settings.get("steps"), listener)
        if of_samples and found.planner in OF_BOUNDS:
            warn_once(
                f"plan: {found.name} has the levels of the smallest bound, samples are better with plan=trajectory"
            )
        return found.grid(self.diffusion.grid)
