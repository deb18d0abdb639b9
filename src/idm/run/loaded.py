"""A trained model as it was read from a checkpoint: network, process, codec, and the form in which it is called."""

from abc import ABC
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from idm.core.types import Network
from idm.data import SOURCES
from idm.diffusion import GaussianDiffusion
from idm.networks import num_parameters
from idm.run.acceleration import for_sampling, in_precision
from idm.run.curves import StoredCurves
from idm.run.data import Data
from idm.run.spec import DataSpec
from idm.run.variance import VARIANCES
from idm.settings import Experiment
from idm.storage.fits import Fits

AnyLoaded = TypeVar("AnyLoaded", bound="Loaded")

SAMPLED_AT_ONCE = 256
"""Samples per call of the network, where nothing else is said."""


@dataclass(frozen=True, eq=False)
class Loaded(ABC):
    """A trained model, as it was read.

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
        data: its own data, where they are open already, as while it is trained.
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
    data: Data | None = None

    def __repr__(self) -> str:
        """Checkpoint, data and network in a line."""
        classes = f", {self.spec.num_classes} classes" if self.spec.num_classes else ""
        classes += ", told conditions" if self.spec.condition else ""
        shape = " x ".join(map(str, self.spec.shape))
        network = f"{self.experiment.network.name} of {self.num_parameters:,} parameters on {self.device}"
        return f"Run({self.name}, {shape} {self.spec.codec.words}{classes}, {network})"

    @property
    def name(self) -> Path:
        """What to call it: the checkpoint, or the folder of a run that is trained."""
        return self.checkpoint or self.folder

    @property
    def fits(self) -> Fits:
        """What was found out about the checkpoint after training, in files beside it."""
        return Fits(self.folder, self.sha256)

    @property
    def curves(self) -> StoredCurves:
        """Its error curves, if they were measured."""
        return StoredCurves(self.fits, self.spec.shape, self.device)

    @property
    def num_parameters(self) -> int:
        """Numbers that were learned."""
        return num_parameters(self.network)

    @cached_property
    def sampling_network(self) -> Network:
        """The network in the form that samples are drawn and data are scored with."""
        precision = self.precision or self.experiment.training.precision
        return for_sampling(self.network, precision, self.device, compile=self.compile)

    def using(
        self: AnyLoaded, *, precision: str | None = None, compile: bool | None = None, variance: str | None = None
    ) -> AnyLoaded:
        """Return the same run, its network in another form, or its reverse steps with another variance.

        Args:
            precision: number format inside the network, float32 or bfloat16; as it is by default.
            compile: translate the network with torch.compile before its first use, which takes minutes and pays for
                thousands of samples; on a CUDA device its calls are replayed as a graph, too.
            variance: "analytic": the one that the run's error curve makes optimal, which DDIM then adds, too;
                "analytic_channel", "analytic_position": by the curves of channels, or of single values, which
                ``calibrate`` measures; "npr", "sn": by errors that a head predicts from the noisy sample, which
                ``calibrate(head="npr")`` trains; "model": the one that it was trained with; as it is by default.

        Raises:
            UnknownNameError: no such number format, or variance.
            SettingsError: an analytic variance of a run whose curves were not measured, or that of no head.
            CheckpointError: curves or head are damaged, or those of another checkpoint.
        """
        if precision is not None:
            in_precision(self.network, precision)
        precision = self.precision if precision is None else precision
        compile = self.compile if compile is None else compile
        same = replace(self, precision=precision, compile=compile)
        if variance is None:
            return same
        rule = VARIANCES[variance](self.diffusion.variance, self.curves)
        return replace(same, variance=variance, diffusion=self.diffusion.replace(model_var_type=rule))

    @property
    def from_image_files(self) -> bool:
        """Whether the data may be written as image files whose pixels are the data's own values, as they were read."""
        shape, dtype = self.spec.shape, self.spec.codec.dtype
        fits = dtype == "uint8" or (dtype == "uint16" and shape[0] == 1)
        return fits and "image_size" in SOURCES.options(self.experiment.data.source.name)
