"""Whether a folder for a run or for results is that of the data: nothing is written between a user's own files."""

from pathlib import Path

from idm.core.errors import SettingsError
from idm.data.images.files import find_files
from idm.settings.experiment import DataSettings


def refuse_data_folder(out: Path, data: str | Path, *, setting: str = "out", file: str = "") -> None:
    """Refuse a folder for results that is the data's, or that lies in it and holds images.

    What this program wrote below a folder of data itself is none, so a run or its samples may lie there.

    Args:
        out: the folder for results, there or not.
        data: folder or file of the data.
        setting: what names the folder.
        file: name of the only file that is written there, where that is what the setting names.

    Raises:
        SettingsError: as said.
    """
    try:
        place, where = out.resolve(), Path(data).resolve()
    except (OSError, ValueError, RuntimeError):  # no name of a file, or links in a circle: nothing is read there
        return
    root = where if where.is_dir() else where.parent
    is_inside = place.is_relative_to(root) and place.is_dir()
    if is_inside and (place == where or find_files(place)[0]):
        raise SettingsError(
            f"{setting}={out / file}: a folder of its own wanted, got one that holds the data; choose another, such as "
            f"{setting}={root.with_name(f'{root.name}-results') / file}"
        )


def places_of(settings: DataSettings) -> list[str]:
    """Return the paths of files and folders that settings say the data lie in."""
    parts = (settings.source, settings.condition)
    return [str(place) for part in parts for name in ("path", "folder") if (place := part.get(name))]
