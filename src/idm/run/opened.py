"""A trained model, opened: network, process, codec, and what they are asked under."""

import math
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from idm.core.errors import SettingsError
from idm.core.types import Network
from idm.data import SOURCES
from idm.diffusion import Clipped, Denoiser, GaussianDiffusion, ModelKwargs
from idm.guidance import ClassifierFreeGuidance
from idm.networks import num_parameters
from idm.run.acceleration import for_sampling, in_precision
from idm.run.build import build_sampler, null_label
from idm.run.labels import Labels, class_numbers
from idm.run.spec import DataSpec
from idm.run.variance import VARIANCES
from idm.samplers import Sampler
from idm.settings import Experiment
from idm.settings.validate import lay

AnyOpened = TypeVar("AnyOpened", bound="Opened")

SAMPLED_AT_ONCE = 256
"""Samples per call of the network, where nothing else is said."""


@dataclass(frozen=True, eq=False)
class Opened(ABC):
    """A trained model, opened: what drawing, scoring and editing need of it.

    Attributes:
        folder: the folder of the run.
        checkpoint: the checkpoint it was read from; None while it is trained.
        step: completed optimiser steps.
        experiment: everything that defined the run.
        spec: what is known of the training data.
        network: the network with its averaged weights, in evaluation mode.
        diffusion: the process, with its fitted decoder variance if it has one.
        device: where the network is.
        precision: number format inside the network, if another than the one it was trained in.
        compile: translate the network before its first use.
        trust_code: import and call what a custom source names, where the run's own data are opened; a custom network is
            made already.
        variance: which variance reverse steps have, one of ``VARIANCES``.
        sha256: hash of the manifest of that checkpoint; "" where it was not read from one.
        batch_size: samples per call of the network, where a call of ``sample`` says nothing else.
    """

    folder: Path
    checkpoint: Path | None
    step: int
    experiment: Experiment
    spec: DataSpec
    network: nn.Module
    diffusion: GaussianDiffusion
    device: torch.device
    precision: str | None = None
    compile: bool = False
    trust_code: bool = False
    variance: str = "model"
    sha256: str = ""
    batch_size: int = SAMPLED_AT_ONCE

    def __repr__(self) -> str:
        """Checkpoint, data and network in a line."""
        classes = f", {self.spec.num_classes} classes" if self.spec.num_classes else ""
        shape = " x ".join(map(str, self.spec.shape))
        network = f"{self.experiment.network.name} of {self.num_parameters:,} parameters on {self.device}"
        return f"Run({self.name}, {shape} {self.spec.codec.words}{classes}, {network})"

    @property
    def name(self) -> Path:
        """What to call it: the checkpoint, or the folder of a run that is trained."""
        return self.checkpoint or self.folder

    @property
    def num_parameters(self) -> int:
        """Numbers that were learned."""
        return num_parameters(self.network)

    @cached_property
    def model(self) -> Network:
        """The network in the form that samples are drawn and data are scored with."""
        precision = self.precision or self.experiment.training.precision
        return for_sampling(self.network, precision, self.device, compile=self.compile)

    def using(
        self: AnyOpened, *, precision: str | None = None, compile: bool | None = None, variance: str | None = None
    ) -> AnyOpened:
        """Return the same run, its network in another form, or its reverse steps with another variance.

        Args:
            precision: number format inside the network, float32 or bfloat16; as it is by default.
            compile: translate the network with torch.compile before its first use, which takes minutes and pays for
                thousands of samples; on a CUDA device its calls are replayed as a graph, too.
            variance: "analytic": the one that the run's error curve makes optimal, which DDIM then adds, too; "model":
                the one that it was trained with; as it is by default.

        Raises:
            UnknownNameError: no such number format, or variance.
            SettingsError: the analytic variance of a run that has no error curve.
        """
        if precision is not None:
            in_precision(self.network, precision)
        precision = self.precision if precision is None else precision
        variance = self.variance if variance is None else variance
        process = self.diffusion.replace(model_var_type=VARIANCES[variance](self.diffusion.variance))
        compile = self.compile if compile is None else compile
        return replace(self, precision=precision, compile=compile, variance=variance, diffusion=process)

    @property
    def from_image_files(self) -> bool:
        """Whether the data may be written as image files whose pixels are the data's own values, as they were read."""
        shape, dtype = self.spec.shape, self.spec.codec.dtype
        fits = dtype == "uint8" or (dtype == "uint16" and shape[0] == 1)
        return fits and "image_size" in SOURCES.options(self.experiment.data.source.name)

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

    def require_guidance(self, scale: float) -> int:
        """Return the label that stands for no class, which guidance needs.

        Raises:
            SettingsError: no such scale, or the network was trained without label dropout, or without labels.
        """
        if not math.isfinite(scale):
            raise SettingsError(f"guidance: a finite number wanted, got {scale}")
        self.require_classes(f"guidance={scale}")
        return self._null_label(f"guidance={scale}")

    def sampler(self, /, **changes: Any) -> Sampler:
        """Return the run's sampler, with settings changed: ``run.sampler(name="ddpm", steps=250)``.

        Options of the sampler itself are named as in its class: ``run.sampler(eta=0.3)``. A sampler that is named
        without a spacing has the one that it is made for, if there is one, and else the run's own. At most 20 steps,
        ``run.sampler(steps=10)``, are taken by the run's ``sampler.few_steps`` where nothing else is said.
        """
        settings = lay(self.experiment.sampler, changes, path="sampler")
        if changes.keys() <= {"steps"}:
            settings = settings.for_its_steps()
        elif "name" in changes and "spacing" not in changes:
            settings = settings.with_usual_spacing()
        return build_sampler(self.diffusion, settings, bounded=self.spec.codec.bounded)

    def label_kwargs(self, labels: Labels | None, count: int) -> dict[str, Tensor]:
        """Return the conditioning of ``count`` samples: labels repeated in turn; every class in turn if None.

        Args:
            labels: names or numbers of classes, such as ["roses", 3]; see ``class_numbers``.
            count: how many samples.

        Raises:
            SettingsError: a label that is no class, or labels for a network without classes.
        """
        chosen = class_numbers(labels, self.spec.class_names)
        if self.spec.num_classes is None:
            return {}
        values = list(range(self.spec.num_classes)) if chosen is None else chosen
        repeated = [values[i % len(values)] for i in range(count)]
        return {"y": torch.tensor(repeated, device=self.device)}

    def unlabelled_kwargs(self, count: int) -> dict[str, Tensor]:
        """Return the conditioning of ``count`` samples of no class; nothing for a network without classes.

        Raises:
            SettingsError: the network was trained with classes but without label dropout.
        """
        if self.spec.num_classes is None:
            return {}
        return {"y": torch.full((count,), self._null_label("no class"), device=self.device)}

    def conditioning(
        self, asked: Sequence[int] | None, known: Sequence[int | None], option: str = "labels=CLASSES"
    ) -> dict[str, Tensor]:
        """Return the conditioning of samples: the classes asked for in turn, else those known, else no class.

        Args:
            asked: numbers of classes.
            known: class of each sample, None where it has none.
            option: how a caller gives those asked for.

        Raises:
            SettingsError: a sample without a known class, and a network that knows classes only.
        """
        count = len(known)
        if asked is not None or self.spec.num_classes is None:
            return self.label_kwargs(asked, count)
        if None not in known:
            return {"y": torch.tensor(list(known), dtype=torch.int64, device=self.device)}
        try:
            y = self.unlabelled_kwargs(count)["y"]
        except SettingsError as error:
            raise SettingsError(f"samples: the class of each wanted, got none; name it with {option}") from error
        values = [int(none) if label is None else label for label, none in zip(known, y.tolist(), strict=True)]
        return {"y": torch.tensor(values, dtype=torch.int64, device=self.device)}

    def require_classes(self, wanted: str) -> int:
        """Return the number of classes.

        Raises:
            SettingsError: the network was trained without classes, which ``wanted`` needs.
        """
        if self.spec.num_classes is None:
            raise SettingsError(f"{wanted}: a network trained with classes wanted, this one was trained without")
        return self.spec.num_classes

    def _null_label(self, wanted: str) -> int:
        label = null_label(self.experiment, self.spec)
        if label is None:
            raise SettingsError(
                f"{wanted}: this network was trained without label dropout and knows classes only "
                "(training.label_dropout above 0 makes it possible)"
            )
        return label
