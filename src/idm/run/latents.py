"""Encoded samples in a file: the noise they came from, and what is needed to decode it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from torch import Tensor

from idm.core.errors import CheckpointError, DataError, SettingsError, UnreadableFileError
from idm.core.files import write_atomically
from idm.core.outputs import checked_file
from idm.core.places import exists, kind_at
from idm.core.text import one_line
from idm.data import Codec
from idm.editing import INVERSIONS, NUM_STATES
from idm.run.build import null_label
from idm.run.file_facts import FileFacts
from idm.run.guided_latents import EncodingGuide
from idm.run.opened import Opened
from idm.run.stored import UNFIT
from idm.schedules import GRIDS
from idm.schedules.base import LONGEST
from idm.storage.fit_file import HASH

FORMAT = "idm latents 2"
LARGEST_SEED = 2**31 - 1

STATES = ("latents", "partner")
"""Names of the tensors."""

FORMATS = ("idm latents 1", FORMAT)
"""Those that are read. The first one holds x_T alone, of DDIM on steps of the chain, and no checkpoint."""


def is_latents(path: Path) -> bool:
    """Whether a file is one that ``Latents.to_bytes`` made; its tensors are not read."""
    try:
        with safe_open(path, framework="pt") as opened:
            return json.loads((opened.metadata() or {})["idm"])["format"] in FORMATS
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def require_latents(path: Path) -> None:
    """Refuse to replace a file that does not hold latents.

    Raises:
        SettingsError: there is another file of that name.
    """
    if exists(path) and not is_latents(path):
        raise SettingsError(
            f"out={path}: a new file, or one that 'idm encode' wrote, wanted, got another one; move it away, or "
            "choose another name"
        )


@dataclass(frozen=True, eq=False)
class Latents:
    """Encoded samples.

    Attributes:
        x: the codes x_T at the noisiest level [n, c, *space].
        labels: what each was encoded under: a class, or their number for no class; None for runs without classes.
        steps: number of steps of the chain they were encoded with.
        codec: the codec of the data.
        run_folder: the folder of the run that encoded them.
        partner: the second state of ways that carry two, of the same shape: what makes decoding exact.
        method: name of the way they were encoded by.
        spacing: name of the grid they were encoded on.
        seed: sample i has the noise of seed + i, where the way draws any.
        checkpoint: SHA-256 of the manifest of the checkpoint that encoded them; "" where it is not known.
        threshold: share of dynamic thresholding of the denoiser; 0: none.
        guide: guidance of the denoiser; None: none.
        file: what the files say that they came in, where all say the same; None: they do not, or nothing is known.
    """

    x: Float[Tensor, "n c *space"]
    labels: Int[Tensor, " n"] | None
    steps: int
    codec: Codec
    run_folder: str
    partner: Float[Tensor, "n c *space"] | None = None
    method: str = "ddim"
    spacing: str = "linspace"
    seed: int = 0
    checkpoint: str = ""
    threshold: float = 0.0
    guide: EncodingGuide | None = None
    file: FileFacts | None = None

    def __repr__(self) -> str:
        """How many, of what shape, by what, and where from."""
        way = f"{self.method} in {self.steps:,} steps of {self.spacing}"
        way += "" if self.guide is None else f", {self.guide.words}"
        return f"Latents({len(self.x):,} of shape {tuple(self.x.shape[1:])}, {way}, from {self.run_folder})"

    @property
    def states(self) -> tuple[Tensor, ...]:
        """All that is needed to decode them: x_T, and the second state where there is one."""
        return (self.x,) if self.partner is None else (self.x, self.partner)

    def to_bytes(self) -> bytes:
        """Return a safetensors file whose metadata are the description as JSON."""
        described = {
            "format": FORMAT,
            "run": self.run_folder,
            "method": self.method,
            "spacing": self.spacing,
            "steps": self.steps,
            "seed": self.seed,
            "checkpoint": self.checkpoint,
            "threshold": self.threshold,
            "guide": None if self.guide is None else self.guide.to_plain(),
            "file": None if self.file is None else self.file.to_plain(),
            "labels": None if self.labels is None else self.labels.tolist(),
            "codec": self.codec.to_dict(),
        }
        tensors = {name: x.detach().cpu().contiguous() for name, x in zip(STATES, self.states, strict=False)}
        return safetensors.torch.save(tensors, {"idm": json.dumps(described)})

    def save(self, path: str | Path) -> Path:
        """Write them to a .safetensors file, which ``read`` and ``idm decode`` take.

        Raises:
            SettingsError: another file of that name, or another suffix.
            OSError: the disk refuses.
        """
        place = checked_file(Path(path), ".safetensors")
        require_latents(place)
        return write_atomically(place, self.to_bytes())

    @classmethod
    def read(cls, path: str | Path) -> "Latents":
        """Read what ``to_bytes`` returned.

        Raises:
            DataError: nothing there.
            UnreadableFileError: damaged, or another kind of file.
        """
        path = Path(path)
        if not path.is_file():
            raise DataError(f"{path}: a file written by 'idm encode' wanted, got {kind_at(path)}; check the path")
        try:
            with safe_open(path, framework="pt") as opened:
                described: Mapping[str, Any] = json.loads((opened.metadata() or {})["idm"])
                states = [opened.get_tensor(name) for name in STATES if name in opened.keys()]  # noqa: SIM118
            return _described(states, described)
        except (SafetensorError, OSError, *UNFIT) as error:
            raise UnreadableFileError(f"{path}: a file written by 'idm encode' wanted ({one_line(error)})") from error

    def check(self, run: Opened) -> None:
        """Refuse to be decoded by a run that was trained on other data, or by another checkpoint.

        Args:
            run: the run, guided as they were encoded (``run_that_decodes``).

        Raises:
            DataError: another shape, range or number of classes.
            CheckpointError: another checkpoint; only that which encoded them undoes its own steps.
        """
        if tuple(self.x.shape[1:]) != run.spec.shape or self.codec != run.spec.codec:
            raise DataError(
                f"latents: codes of data of shape {run.spec.shape}, {_values(run.spec.codec)}, wanted, as the run was "
                f"trained on, got {tuple(self.x.shape[1:])}, {_values(self.codec)}; decode them with {self.run_folder}"
            )
        names = run.class_names
        if (self.labels is None) != (names is None):
            raise DataError(
                f"latents: codes with as many classes as the run wanted; decode them with {self.run_folder}"
            )
        none = None if run.guide.asked.is_by_class else null_label(run.experiment, run.spec)
        largest = none if none is not None else len(names or [None]) - 1
        if self.checkpoint and run.sha256 and self.checkpoint != run.sha256:
            raise CheckpointError(
                f"latents: those of this checkpoint of run {run.folder} wanted, got another's, of {self.run_folder}; "
                "encode them anew, or decode them with the checkpoint that encoded them"
            )
        if self.labels is not None and not bool(((self.labels >= 0) & (self.labels <= largest)).all()):
            raise DataError(f"latents: labels from 0 to {largest} wanted, got {self.labels.tolist()}")


def _values(codec: Codec) -> str:
    return f"{codec.dtype}, {codec.grid}, of which {codec.extent} becomes -1 to 1"


def _described(states: list[Tensor], described: Mapping[str, Any]) -> Latents:
    """Put codes and what a file says of them together.

    Raises:
        KeyError, TypeError, ValueError: it is not what ``Latents.to_bytes`` wrote.
    """
    labels, steps, folder = described["labels"], described["steps"], described["run"]
    if described["format"] not in FORMATS or not isinstance(folder, str):
        raise ValueError(f"the format {FORMAT} wanted")
    x = states[0]
    for state in states:
        finite = state.is_floating_point() and state.shape == x.shape and bool(torch.isfinite(state).all())
        if x.ndim < 2 or len(x) == 0 or not finite:
            raise ValueError("codes that are finite numbers, of one shape, wanted")
    if type(steps) is not int or not 1 <= steps <= LONGEST:
        raise ValueError(f"steps: a whole number from 1 to {LONGEST:,} wanted")
    if labels is not None and (len(labels) != len(x) or not all(type(label) is int for label in labels)):
        raise ValueError(f"labels: {len(x)} whole numbers wanted")
    y = None if labels is None else torch.tensor(labels, dtype=torch.int64)
    way = _way(described, len(states)) if described["format"] == FORMAT else {}
    held = [state if state.dtype == torch.float64 else state.float() for state in states]
    partner = held[1] if len(held) > 1 else None
    of_file = described.get("file")  # which files of earlier versions lack
    file = None if of_file is None else FileFacts.from_plain(of_file, tuple(x.shape[1:]))
    return Latents(held[0], y, steps, Codec.from_dict(described["codec"]), folder, partner, file=file, **way)


def _way(described: Mapping[str, Any], num_states: int) -> dict[str, Any]:
    """Return how codes were made.

    Raises:
        KeyError, TypeError, ValueError: as said.
    """
    way = {name: described[name] for name in ("method", "spacing", "seed", "checkpoint")}
    method, spacing, seed, checkpoint = way.values()
    threshold, guide = described.get("threshold", 0.0), described.get("guide")
    if method not in INVERSIONS or spacing not in GRIDS:
        raise ValueError(f"a method ({', '.join(INVERSIONS)}) and a spacing ({', '.join(GRIDS)}) wanted")
    if num_states not in {1, NUM_STATES[method]}:
        raise ValueError(f"one state or all of the {NUM_STATES[method]} of {method} wanted, got {num_states}")
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(f"seed: a whole number from 0 to {LARGEST_SEED:,} wanted")
    if not isinstance(checkpoint, str) or not (checkpoint == "" or HASH.fullmatch(checkpoint)):
        raise ValueError("checkpoint: the hash of one, or nothing, wanted")
    if type(threshold) not in {int, float} or not 0.0 <= threshold <= 1.0:
        raise ValueError("threshold: a share from 0 to 1 wanted")
    of_guide = None if guide is None else EncodingGuide.from_plain(guide)
    return {**way, "threshold": float(threshold), "guide": of_guide}
