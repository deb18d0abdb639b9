"""Training that begins with the weights of another run instead of random ones."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from idm.core.errors import CheckpointError, NumericalError, SettingsError
from idm.data.file_names import composed
from idm.run import DataSpec, stored_experiment
from idm.run.stored import stored_spec
from idm.settings import Experiment, to_plain
from idm.settings.files import value_in_words
from idm.settings.validate import flat
from idm.storage import Checkpoint, open_checkpoint
from idm.storage.disk import first_not_finite
from idm.storage.manifest import MANIFEST, read_json
from idm.storage.retention import folders
from idm.training import ema_name

CLASSES = "label_emb.weight"
"""The tensor with a row for every class, and one for none where labels are dropped."""

DOCUMENT = "origin"
"""What a checkpoint calls the file that says where its run began."""

MOST_LISTED = 3
"""Most tensors, or settings, that are told of those that do not fit."""


@dataclass(frozen=True)
class Origin:
    """Where the weights came from that a run began with.

    Attributes:
        checkpoint: path of the checkpoint then.
        step: its step.
        weights: name of the average.
        sha256: hash of the file that holds it.
    """

    checkpoint: str
    step: int
    weights: str
    sha256: str

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return asdict(self)

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "Origin | None":
        """Read where the run of a checkpoint began; None: with random weights.

        Raises:
            CheckpointError: the file says something else.
        """
        if not (checkpoint.path / f"{DOCUMENT}.json").is_file():
            return None
        plain = checkpoint.document(DOCUMENT)
        kinds = {"checkpoint": str, "step": int, "weights": str, "sha256": str}
        if plain.keys() != kinds.keys() or not all(type(plain[name]) is kind for name, kind in kinds.items()):
            raise CheckpointError(f"checkpoint {checkpoint.path}: {DOCUMENT}.json does not say where the run began")
        return cls(**plain)


@dataclass(frozen=True, eq=False)
class InitialWeights:
    """The first average of a run, and what it was trained for."""

    origin: Origin
    experiment: Experiment
    spec: DataSpec
    tensors: dict[str, Tensor]

    @classmethod
    def read(cls, path: Path) -> "InitialWeights":
        """Open a run, of which the newest intact checkpoint is taken, or one checkpoint.

        Raises:
            CheckpointError: nothing there, or damaged.
            NumericalError: weights that are not finite.
        """
        checkpoint = open_checkpoint(path)
        experiment = stored_experiment(checkpoint)
        weights = ema_name(experiment.training.ema_rates[0])
        try:
            sha256 = str(read_json(checkpoint.path / MANIFEST)["files"][f"{weights}.safetensors"]["sha256"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint {checkpoint.path}: weights {weights} wanted, got none; use another checkpoint"
            ) from error
        origin = Origin(str(checkpoint.path.absolute()), checkpoint.step, weights, sha256)
        tensors = checkpoint.tensors(weights)
        if name := first_not_finite(tensors):
            raise NumericalError(
                f"init: weights that are finite numbers wanted, got NaN or infinity in {name} of {checkpoint.path}; "
                "begin with another checkpoint"
            )
        return cls(origin, experiment, stored_spec(checkpoint), tensors)


def origin_of_run(run_folder: Path) -> Origin | None:
    """Say where the run in a folder began, from its newest checkpoint; None: with random weights, or there is none."""
    newest = folders(run_folder)[-1:]
    return Origin.of(Checkpoint(newest[0])) if newest else None


def begin_with(initial: InitialWeights, network: nn.Module, experiment: Experiment, spec: DataSpec) -> list[str]:
    """Give a network the weights of another run.

    Of the table of classes, which may have another size, rows of the same names are taken; others stay random.

    Args:
        initial: the weights.
        network: the new run's, which is changed.
        experiment: the new run's.
        spec: the new run's data.

    Returns:
        lines on what does not begin where the other run ended.

    Raises:
        SettingsError: tensors that do not fit, in one line with what to change.
    """
    wanted, found = network.state_dict(), dict(initial.tensors)
    notes = _with_classes(initial, found, wanted, spec)
    misfits = [
        f"{name} is {_shape(found.get(name))} there and {_shape(wanted.get(name))} here"
        for name in dict.fromkeys([*wanted, *found])
        if _shape(found.get(name)) != _shape(wanted.get(name))
    ]
    if misfits:
        more = f"; and {len(misfits) - MOST_LISTED:,} more" if len(misfits) > MOST_LISTED else ""
        raise SettingsError(
            f"init: weights that fit wanted, got those of {initial.origin.checkpoint}, of which "
            f"{'; '.join(misfits[:MOST_LISTED])}{more}; {_advice(initial, experiment, spec)}"
        )
    network.load_state_dict(found)
    then, now = initial.experiment.diffusion.prediction, experiment.diffusion.prediction
    if then is not now:
        notes.append(f"init: the weights predict {then.name.lower()}, and begin anew to predict {now.name.lower()}")
    return notes


def _with_classes(
    initial: InitialWeights, found: dict[str, Tensor], wanted: Mapping[str, Tensor], spec: DataSpec
) -> list[str]:
    """Put rows for the new run's classes in place of the other's, and say which are not known there."""
    table, fresh = found.get(CLASSES), wanted.get(CLASSES)
    if fresh is None:
        found.pop(CLASSES, None)
        return [] if table is None else ["init: the classes there are left out, as there are none here"]
    names = tuple(map(composed, spec.class_names or ()))
    old = {composed(name): row for row, name in enumerate(initial.spec.class_names or ())}
    if table is None:
        table, old = fresh[:0], {}
    if table.shape[1:] != fresh.shape[1:]:
        return []  # told as a tensor that does not fit
    known = {row: old[name] for row, name in enumerate(names) if name in old}
    no_class = {len(names): len(old)} if len(fresh) > len(names) and len(table) > len(old) else {}
    found[CLASSES] = fresh.clone()
    for row, there in {**known, **no_class}.items():
        found[CLASSES][row] = table[there].to(fresh)
    unknown = len(names) - len(known)
    return [f"init: {unknown:,} of {len(names):,} classes are not known there and begin anew"] if unknown else []


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"[{', '.join(map(str, tensor.shape))}]"


def _advice(initial: InitialWeights, experiment: Experiment, spec: DataSpec) -> str:
    """Say what would make the weights fit: data of the same kind, or the other run's settings."""
    then, now = initial.spec.shape, spec.shape
    if (then[0], len(then)) != (now[0], len(now)):
        return f"use data of {then[0]} channels and {len(then) - 1} spatial axes, or leave out init"
    old, new = flat(to_plain(initial.experiment)), flat(to_plain(experiment))
    changes = [
        f"{key}={value_in_words(value)}"
        for key, value in old.items()
        if key.startswith(("network.", "diffusion.variance")) and new.get(key) != value
    ]
    return f"set {' '.join(changes)}" if changes else "leave out init"
