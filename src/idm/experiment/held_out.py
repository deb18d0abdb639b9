"""Which samples of a source are held out: a share of every class, or those that a list or a folder names."""

import hashlib
from pathlib import Path

from idm.core.errors import DataError, UnreadableFileError
from idm.data import Indices, Source, split_by_folder, split_by_list, stratified_split
from idm.experiment.schema import option_paths
from idm.experiment.settings import DataSettings


def split(settings: DataSettings, source: Source) -> tuple[Indices, Indices]:
    """Choose the samples to train on and those held out.

    Raises:
        DataError: no samples to train on; a list or folder that does not fit.
    """
    with option_paths("data", ("held_out", "held_out_list", "held_out_folder")):
        if settings.held_out_list:
            return split_by_list(source.names, _listed(Path(settings.held_out_list)), seed=settings.split_seed)
        if settings.held_out_folder:
            return split_by_folder(source.names, settings.held_out_folder, seed=settings.split_seed)
    total = len(source)
    wanted = settings.held_out if settings.held_out >= 1 else settings.held_out * total
    num_held_out = round(wanted) if wanted < total else total  # NaN and infinity are not below it
    if num_held_out >= total:
        raise DataError(f"data.held_out: fewer than the {total} samples there are wanted, got {settings.held_out}")
    return stratified_split(source.labels, total, num_held_out, seed=settings.split_seed)


def hash_of_named(settings: DataSettings, source: Source, held_out: Indices) -> str:
    """SHA-256 of the sorted names of the held-out samples, where a list or folder names them; or ""."""
    if source.names is None or not (settings.held_out_list or settings.held_out_folder):
        return ""
    names = sorted(source.names[index] for index in held_out)
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()


def _listed(path: Path) -> list[str]:
    """Read the names in a list, one in a line; empty lines are skipped."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing there"
        raise DataError(f"data.held_out_list: a text file with a name per line wanted, got {found}: {path}")
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"data.held_out_list: cannot be read as UTF-8 text, {path}; save it anew") from error
