"""A trained model, ready to use: network, process, codec, samplers."""

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from idm.core.counts import holds_several, whole_number
from idm.core.errors import CheckpointError, SettingsError
from idm.core.progress import Progress
from idm.core.progress import progress as show_progress
from idm.core.tensors import require_finite
from idm.core.text import one_line
from idm.core.types import Network
from idm.data import SOURCES
from idm.diffusion import Clipped, Denoiser, GaussianDiffusion, ModelKwargs
from idm.guidance import ClassifierFreeGuidance
from idm.networks import num_parameters
from idm.networks.stored import with_shapes
from idm.run.acceleration import for_sampling, in_precision
from idm.run.build import build_diffusion, build_sampler, null_label, untried_network
from idm.run.calibrate import calibrated
from idm.run.data import DataSpec
from idm.run.devices import best_device
from idm.run.labels import Labels, class_numbers
from idm.run.stored import stored_experiment, stored_spec
from idm.samplers import Sampler, SampleStep, Seed
from idm.samplers.base import warn_of_unclipped
from idm.settings import Experiment, from_plain, to_plain
from idm.storage import Checkpoint
from idm.storage.checkpoint import read_newest
from idm.training import ema_name

UNFIT = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What documents that are none of ours make of the code that reads them."""

Watch = Callable[[SampleStep], None]

BYTES_PER_VALUE = 4
"""Samples are drawn in float32."""

SAMPLED_AT_ONCE = 256
"""Samples per call of the network, where nothing else is said."""


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model.

    Attributes:
        path: the checkpoint it was read from.
        step: completed optimiser steps.
        experiment: everything that defined the run.
        spec: what is known of the training data.
        network: the network with its averaged weights, in evaluation mode.
        diffusion: the process, with its fitted decoder variance if it has one.
        device: where the network is.
        precision: number format inside the network, if another than the one it was trained in.
        compile: translate the network before its first use.
        trust_code: import and call what a custom source names, where the run's own data are opened.
        sha256: hash of the manifest of that checkpoint; "" where it was not read from one.
        batch_size: samples per call of the network, where a call of ``sample`` says nothing else.
    """

    path: Path
    step: int
    experiment: Experiment
    spec: DataSpec
    network: nn.Module
    diffusion: GaussianDiffusion
    device: torch.device
    precision: str | None = None
    compile: bool = False
    trust_code: bool = False
    sha256: str = ""
    batch_size: int = SAMPLED_AT_ONCE

    def __repr__(self) -> str:
        """Checkpoint, data and network in a line."""
        classes = f", {self.spec.num_classes} classes" if self.spec.num_classes else ""
        shape = " x ".join(map(str, self.spec.shape))
        network = f"{self.experiment.network.name} of {num_parameters(self.network):,} parameters on {self.device}"
        return f"Run({self.path}, {shape} {self.spec.codec.words}{classes}, {network})"

    @cached_property
    def model(self) -> Network:
        """The network in the form that samples are drawn and data are scored with."""
        precision = self.precision or self.experiment.training.precision
        return for_sampling(self.network, precision, self.device, compile=self.compile)

    def using(self, *, precision: str | None = None, compile: bool = False) -> "Run":
        """Return the same run, its network in another form.

        Args:
            precision: number format inside the network, float32 or bfloat16; the one it was trained in by default.
            compile: translate the network with torch.compile before its first use, which takes minutes and pays for
                thousands of samples; on a CUDA device its calls are replayed as a graph, too.

        Raises:
            UnknownNameError: no such number format.
        """
        if precision is not None:
            in_precision(self.network, precision)
        return replace(self, precision=precision, compile=compile)

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
        self.require_classes(f"guidance {scale}")
        return self._null_label(f"guidance {scale}")

    def sampler(self, /, **changes: Any) -> Sampler:
        """Return the run's sampler, with settings changed: ``run.sampler(name="ddpm", steps=250)``.

        Options of the sampler itself are named as in its class: ``run.sampler(eta=0.3)``.
        """
        settings = self.experiment.sampler
        plain = {"steps": settings.steps, "spacing": settings.spacing, "name": settings.name}
        if changes.get("name", settings.name) == settings.name:
            plain |= settings.options
        whole = to_plain(self.experiment) | {"sampler": plain | changes}
        return build_sampler(self.diffusion, from_plain(Experiment, whole).sampler, bounded=self.spec.codec.bounded)

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

    def sample(
        self,
        num: int | None = None,
        *,
        labels: Labels | None = None,
        seed: Seed = 0,
        guidance: float = 1.0,
        sampler: Sampler | None = None,
        batch_size: int | None = None,
        watch: Watch | None = None,
        progress: bool = False,
    ) -> Tensor:
        """Draw samples in the model's range; ``run.spec.codec.decode`` gives the data's own values.

        Args:
            num: how many; by default one of each of the ``labels``.
            labels: classes by name or number, repeated in turn; every class in turn if None.
            seed: sample i is drawn from seed + i, or from seed[i] where there are several, whatever the batch size.
            guidance: scale of classifier-free guidance; 1 is off.
            sampler: a sampler from ``run.sampler``; the run's own by default.
            batch_size: samples per call of the network; the run's ``batch_size`` by default.
            watch: shown x_T and the state after every step, for the first batch.
            progress: show progress.

        Returns:
            Samples [num, c, *space] on the CPU.

        Raises:
            SettingsError: no samples, more than memory holds, or labels or guidance that it was not trained for.
            NumericalError: samples are not finite.
        """
        if holds_several(labels):
            labels = cast(Labels, list(labels))  # they are read twice
        if num is None:
            if (chosen := class_numbers(labels, self.spec.class_names)) is None:
                raise SettingsError("num: how many samples wanted, or labels, for one sample of each, got neither")
            num = len(chosen)
        num = whole_number(num, "num")
        batch_size = self.batch_size if batch_size is None else whole_number(batch_size, "batch_size")
        if num < 1 or batch_size < 1:
            raise SettingsError(f"num and batch_size: at least 1 wanted, got {num} and {batch_size}")
        require_memory(num, self.spec.shape)
        seeds = _seeds(seed, num)
        sampler = sampler or self.sampler()
        if self.compile and num > batch_size:  # a smaller last batch would be translated once more
            seeds = [*seeds, *[seeds[-1]] * (-num % batch_size)]
        warn_of_unclipped(sampler)
        denoise = self.denoiser(sampler.diffusion, self.label_kwargs(labels, len(seeds)), guidance=guidance)
        parts: list[Tensor] = []
        steps = sampler.diffusion.num_timesteps
        with show_progress("sampling", len(seeds), unit="samples", parts=steps, enabled=progress) as bar:
            for first in range(0, len(seeds), batch_size):
                part = slice(first, min(first + batch_size, len(seeds)))
                shown = watch if first == 0 and watch is not None else _watch_nothing
                rows = torch.arange(part.start, part.stop)
                parts.append(self._draw(sampler, sampler.clipped(denoise.select(rows)), seeds[part], shown, bar))
        return torch.cat(parts)[:num]

    def _draw(
        self,
        sampler: Sampler,
        denoise: Denoiser,
        seeds: Sequence[int],
        watch: Watch,
        bar: Progress,
    ) -> Tensor:
        """Draw one batch."""
        noise = sampler.initial_noise((len(seeds), *self.spec.shape), seed=seeds, device=self.device)
        state = SampleStep(noise)
        watch(state)
        for state in sampler.walk(denoise, noise, seed=seeds):
            watch(state)
            bar.advance(len(seeds))
        return require_finite(state.sample.cpu(), "samples")


def require_memory(num: int, shape: Sequence[int], option: str = "num") -> None:
    """Refuse more samples than the memory of this machine holds as they are drawn, before any is.

    Args:
        num: how many.
        shape: of one of them.
        option: what to call their number in messages.

    Raises:
        SettingsError: they are too many.
    """
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):
        return
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (BYTES_PER_VALUE * math.prod(shape))
    if num > most:
        raise SettingsError(
            f"{option}: at most {most:,} samples of {' x '.join(map(str, shape))} wanted, which is what the memory of "
            f"this machine holds, got {num:,}; draw them in several calls, each with a seed of its own"
        )


def _seeds(seed: Seed, num: int) -> Sequence[int]:
    """Return the seed of each of ``num`` samples.

    Raises:
        SettingsError: another number of seeds, or what is no seed.
    """
    if not holds_several(seed):
        first = whole_number(seed, "seed")
        return range(first, first + num)
    seeds = [whole_number(each, "seed") for each in seed]
    if len(seeds) != num:
        raise SettingsError(f"seed: one integer or {num} of them wanted, got {len(seeds)}")
    return seeds


def _watch_nothing(state: SampleStep) -> None:
    """Watch nothing."""


def load(path: str | Path, *, device: str | None = None, trust_code: bool = False) -> Run:
    """Open a run folder (its newest intact checkpoint) or one checkpoint.

    Args:
        path: a folder written by ``idm train``, or a checkpoint folder in it.
        device: where to put the network; the best one found by default.
        trust_code: whether the code that a run with a custom source names may be imported and called where its own
            data are opened. A run is data: without this nothing in it is run.

    Raises:
        CheckpointError: nothing there, or damaged.
    """
    where = best_device(device)
    return read_newest(Path(path), lambda checkpoint: _opened(checkpoint, where, trust_code=trust_code))


def _opened(checkpoint: Checkpoint, where: torch.device, *, trust_code: bool) -> Run:
    """Open a checkpoint; errors as of ``load``."""
    try:
        experiment = stored_experiment(checkpoint)
        spec = stored_spec(checkpoint)
        diffusion = build_diffusion(experiment, spec)
        weights = checkpoint.tensors(ema_name(experiment.training.ema_rates[0]))
        with with_shapes(tuple(value.shape) for value in weights.values()):
            network = untried_network(experiment, spec, diffusion.out_channels(spec.shape[0]))
        network.load_state_dict(weights)
        diffusion = calibrated(diffusion, checkpoint.document("calibration"))
    except CheckpointError:
        raise
    except UNFIT as error:
        raise CheckpointError(
            f"checkpoint {checkpoint.path}: not readable by this version ({one_line(error)})"
        ) from error
    network = network.to(where).eval().requires_grad_(False)
    return Run(
        checkpoint.path,
        checkpoint.step,
        experiment,
        spec,
        network,
        diffusion,
        where,
        trust_code=trust_code,
        sha256=checkpoint.sha256,
    )
