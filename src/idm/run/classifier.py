"""The classifier of noisy data of a run: kept beside its checkpoint, and read again."""

import hashlib
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from idm.core.errors import CheckpointError
from idm.core.phrasing import Call
from idm.core.rng import derive_seed
from idm.core.text import one_line
from idm.core.types import Images
from idm.diffusion import GaussianDiffusion
from idm.networks import MLP
from idm.networks.classifier import EncoderClassifier, classifier_like
from idm.networks.needs import uses_dropout_seeds
from idm.run.build import untried_network
from idm.run.conditioned import Conditioned
from idm.schedules import Level
from idm.storage import Fit

NAME, KIND = "classifier", "classifier"
MOST_CLASSES, LONGEST_NAME = 100_000, 1_000
"""Classes, and characters of the name of one, that are read again."""


@final
@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A network that names the class of noisy data, at any level of a process.

    Attributes:
        network: returns logits, ``network(x, time)``.
        process: whose levels and times it was trained on.
        class_names: what it tells apart.
        sha256: hash of its weights.
    """

    network: EncoderClassifier | MLP
    process: GaussianDiffusion
    class_names: tuple[str, ...]
    sha256: str = ""

    def __call__(self, x: Images, at: Level, /) -> Tensor:
        """Return logits [b, classes]."""
        return self.logits(x, at)

    def logits(self, x: Images, at: Level, dropout_seeds: Tensor | None = None) -> Tensor:
        """Return logits [b, classes]; in training what is dropped depends on a seed per sample, int64 [b]."""
        seeds = {"dropout_seeds": dropout_seeds} if uses_dropout_seeds(self.network) else {}
        return self.network(self._shown(x, at), self.process.network_time(at, x), **seeds)

    def features(self, x: Images) -> Tensor:
        """Return what the head reads of data [b, width]: of these at the lowest level, without its noise."""
        at = self.process.grid.level(0, x)
        return self.network.features(self._shown(at.alpha * x, at), self.process.network_time(at, x))

    def _shown(self, x: Images, at: Level) -> Tensor:
        scale = self.process.prediction.input_scale(at)
        return x if scale is None else scale * x

    @property
    def name(self) -> str:
        """What tells it from others."""
        return f"the run's own, {self.sha256[:16]}"


@final
@dataclass(frozen=True)
class ClassifierFit:
    """What a classifier of noisy data was found to be worth.

    Attributes:
        num_steps: optimiser steps that it was trained for.
        class_names: what it tells apart.
        kappas: noise-to-signal ratios at which held-out data were classified, growing.
        accuracies: share of them that was named rightly, at each; empty where nothing is held out.
        chance: share of the class that most of them have.
        num_held_out: how many they were.
    """

    num_steps: int
    class_names: tuple[str, ...]
    kappas: tuple[float, ...]
    accuracies: tuple[float, ...]
    chance: float
    num_held_out: int

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "num_steps": self.num_steps,
            "class_names": list(self.class_names),
            "kappas": list(self.kappas),
            "accuracies": list(self.accuracies),
            "chance": self.chance,
            "num_held_out": self.num_held_out,
        }


def new_classifier(run: Conditioned, num_classes: int) -> EncoderClassifier | MLP:
    """Make the network that a run's classifier has, before it is trained; it begins at random.

    Raises:
        SettingsError: a network of which none can be made.
    """
    spec, seed = run.spec, derive_seed(run.experiment.seed, "classifier")
    with torch.random.fork_rng(devices=[]):
        of_its_kind = untried_network(run.experiment, spec, spec.shape[0], trust_code=run.trust_code)
    return classifier_like(of_its_kind, spec.shape, num_classes, seed=seed).to(run.device)


def stored_classifier(run: Conditioned) -> TrainedClassifier:
    """Read the classifier of a run.

    Raises:
        SettingsError: none was trained.
        CheckpointError: it is that of another checkpoint, or damaged.
    """
    way = f"train it with {way_to_train(run)}"
    found = run.fits.read(NAME, KIND, way)
    try:
        names = _class_names(found, run.spec.class_names)
        network = new_classifier(run, len(names))
        network.load_state_dict(dict(found.tensors))
    except (LookupError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{NAME}: a classifier for this run wanted, got another ({one_line(error)}); {way}"
        ) from error
    network = network.eval().requires_grad_(False)
    return TrainedClassifier(network, run.diffusion, names, _hash_of(found.tensors))


def way_to_train(run: Conditioned) -> Call:
    """Return the call that trains one."""
    return Call("run.train_classifier()", ("train-classifier", run.folder))


def _class_names(found: Fit, known: tuple[str, ...] | None) -> tuple[str, ...]:
    names = found.content["class_names"]
    if not isinstance(names, list) or not 2 <= len(names) <= MOST_CLASSES:
        raise ValueError("names of classes wanted")
    if not all(isinstance(name, str) and len(name) <= LONGEST_NAME for name in names):
        raise ValueError("names of classes wanted")
    if known is not None and tuple(names) != known:
        raise ValueError("the run's classes wanted")
    return tuple(names)


def _hash_of(tensors: Any) -> str:
    total = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        total.update(name.encode() + value.to(torch.float32).numpy().tobytes())
    return total.hexdigest()
