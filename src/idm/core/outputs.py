"""Names that people give to files and folders for results."""

from pathlib import Path

from idm.core.errors import SettingsError


def checked_folder(path: Path) -> Path:
    """Return a folder for results, which need not be there yet.

    Raises:
        SettingsError: there is a file of that name, or the name is not one that all libraries can open.
    """
    if any("\ud800" <= character <= "\udfff" for character in str(path)):  # how Python shows bytes that are no UTF-8
        raise SettingsError(f"out={path}: a name in UTF-8 wanted; choose another")
    for place in (path, *path.parents):
        if place.exists():
            if not place.is_dir():
                raise SettingsError(f"out={path}: a folder wanted, got the file {place}")
            break
    return path


def checked_file(path: Path, suffix: str) -> Path:
    """Return a file for results, which may be there already.

    Raises:
        SettingsError: another suffix, or something else than a file of that name.
    """
    if path.suffix != suffix or (path.exists() and not path.is_file()):
        raise SettingsError(f"out={path}: a file name ending in {suffix} wanted, of a file or of nothing yet")
    checked_folder(path.parent)
    return path
