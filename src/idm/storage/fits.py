"""What is found out about a checkpoint after training, in files beside it, one for each thing.

    RUN/fits/NAME.json           words and numbers
    RUN/fits/NAME.safetensors    tensors, with the words in its header

Every file names the checkpoint that it is of, by the SHA-256 of its manifest, and serves no other one. A run may be a
stranger's: names are plain, links are not followed, and no size is believed before it is measured.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from idm.core.errors import CheckpointError, SettingsError
from idm.core.files import write_atomically
from idm.core.places import file_in, folder_in, remove
from idm.core.text import shown
from idm.storage.disk import cannot_write
from idm.storage.fit_file import Fit, checkpoint_named_in

FOLDER = "fits"
LARGEST_FIT_BYTES = 2**29
"""Bytes of the largest file that is read: curves of 85 levels for every value of 512 x 512 colour pixels."""

SUFFIXES = {False: ".json", True: ".safetensors"}
"""How the name of a file ends, by whether it holds tensors."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
LEFT_OVER = re.compile(r"\.[a-z0-9_-]+\.(json|safetensors|png)\.\d+\.partial")
"""What a file is called while it is written."""


@dataclass(frozen=True)
class Fits:
    """What was found out about one checkpoint.

    Attributes:
        run_folder: folder of the run.
        checkpoint: SHA-256 of the manifest of the checkpoint; "" where it was not read from one.
    """

    run_folder: Path
    checkpoint: str

    def write(
        self,
        name: str,
        kind: str,
        content: Mapping[str, Any],
        tensors: Mapping[str, Tensor] | None = None,
        *,
        data: str = "",
    ) -> Path:
        """Write one, in the place of an earlier one of that name, whole or not at all.

        Args:
            name: small letters, digits, hyphens and underscores.
            kind: what it is, as of ``Fit``.
            content: JSON-able values by name.
            tensors: tensors by name.
            data: fingerprint of the data that it was found on.

        Returns:
            The file.

        Raises:
            SettingsError: another name, or a model that no checkpoint holds.
            NumericalError: a number is not finite.
            CheckpointError: there is a link in its place, or the disk refuses.
        """
        require_name(name)
        if not self.checkpoint:
            raise SettingsError(
                f"run {self.run_folder}: a run with a checkpoint wanted for {name}; save or load it first"
            )
        content_of_file = Fit(kind, self.checkpoint, data, content, tensors or {}).to_bytes()
        folder_in(self.run_folder, FOLDER)
        path, other = (file_in(self.run_folder, FOLDER, name + SUFFIXES[has]) for has in (bool(tensors), not tensors))
        try:
            remove(other)
            return write_atomically(path, content_of_file, durable=True)
        except OSError as error:
            raise cannot_write(f"fit {path}", error, path.parent, {name: tensors or {}}) from error

    def remove(self, name: str) -> None:
        """Remove one, of whatever checkpoint it is, if there is one of that name.

        Raises:
            CheckpointError: there is a link in its place.
        """
        require_name(name)
        folder_in(self.run_folder, FOLDER)
        for suffix in SUFFIXES.values():
            remove(file_in(self.run_folder, FOLDER, name + suffix))

    def path(self, name: str) -> Path:
        """Return the file of one that was written."""
        paths = [self.run_folder / FOLDER / (name + suffix) for suffix in SUFFIXES.values()]
        return next(filter(Path.is_file, paths), paths[0])

    def names(self) -> list[str]:
        """Return the names of all that are of this checkpoint and whole, sorted."""
        return [name for name in names_in(self.run_folder) if self.find(name) is not None]

    def names_of_others(self) -> list[str]:
        """Return the names of all that says it is of another checkpoint, as after more training, sorted."""
        named = {name: named_in(self.run_folder, name) for name in names_in(self.run_folder)}
        return [name for name, checkpoint in named.items() if checkpoint not in ("", self.checkpoint)]

    def find(self, name: str) -> Fit | None:
        """Read one; None where there is none of that name, or one of another checkpoint, or a damaged one."""
        try:
            found = read_fit(self.run_folder, name)
        except CheckpointError:
            return None
        return found if found is not None and found.checkpoint == self.checkpoint else None

    def read(self, name: str, kind: str, way: str) -> Fit:
        """Read one that is needed.

        Args:
            name: its name.
            kind: what it must be.
            way: what to do where there is none, for messages.

        Raises:
            SettingsError: there is none of that name, or one of another kind.
            CheckpointError: it is of another checkpoint, or damaged.
        """
        require_name(name)
        found = read_fit(self.run_folder, name)
        if found is None:
            raise SettingsError(f"{name}: a fit of run {self.run_folder} wanted, there is none of that name; {way}")
        if found.checkpoint != self.checkpoint:
            raise CheckpointError(
                f"{name}: that of this checkpoint of run {self.run_folder} wanted, got another's; {way}"
            )
        if found.kind != kind:
            raise SettingsError(f"{name}: one of kind {kind} wanted, got one of kind {found.kind}; choose another name")
        return found


def require_name(name: str) -> None:
    """Refuse what is no name of a fit, by a ``SettingsError``."""
    if not isinstance(name, str) or not NAME.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SettingsError(
            f"name: small letters, digits, hyphens and underscores wanted, 60 at the most, got {shown(name)}"
        )


def names_in(run_folder: Path) -> list[str]:
    """Return the names of what is there, of whatever checkpoint, sorted; none where the folder is a link."""
    folder = run_folder / FOLDER
    if folder.is_symlink() or not folder.is_dir():
        return []
    files = {path.stem for path in folder.iterdir() if path.suffix in SUFFIXES.values()}
    return sorted(name for name in files if NAME.fullmatch(name))


def named_in(run_folder: Path, name: str) -> str:
    """Return the checkpoint that a file says it is of; "" where it says none, or there is a link in its place."""
    for with_tensors, suffix in SUFFIXES.items():
        path = run_folder / FOLDER / (name + suffix)
        if path.is_file() and not path.is_symlink():
            return checkpoint_named_in(path, with_tensors=with_tensors)
    return ""


def damaged_fits(run_folder: Path) -> dict[str, str]:
    """Say what is wrong with each, by name; empty where all are whole, of whatever checkpoint."""
    found: dict[str, str] = {}
    for name in names_in(run_folder):
        try:
            read_fit(run_folder, name)
        except CheckpointError as error:
            found[name] = str(error)
    return found


def read_fit(run_folder: Path, name: str) -> Fit | None:
    """Read a file, of whatever checkpoint it is; None where there is none.

    Raises:
        CheckpointError: it is damaged, too large, or there is a link in its place.
    """
    folder_in(run_folder, FOLDER)
    for with_tensors, suffix in SUFFIXES.items():
        path = file_in(run_folder, FOLDER, name + suffix)
        if path.exists():
            return _read(path, with_tensors=with_tensors)
    return None


def _read(path: Path, *, with_tensors: bool) -> Fit:
    try:
        size = path.stat().st_size
        if size > LARGEST_FIT_BYTES:
            raise ValueError(f"{size:,} bytes, of at most {LARGEST_FIT_BYTES:,}")
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FIT_BYTES + 1)
        return Fit.from_bytes(content, with_tensors=with_tensors)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"fit {path}: damaged ({error}); remove it, and make it anew") from error


def sweep_fits(run_folder: Path) -> None:
    """Remove what a crash left of files that were written.

    Raises:
        CheckpointError: the folder is a link.
    """
    for path in folder_in(run_folder, FOLDER).glob(".*.partial"):
        if LEFT_OVER.fullmatch(path.name):
            remove(path)
