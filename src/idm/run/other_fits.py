"""What was found out about another checkpoint of a run, as before it was trained further: of no use to this one."""

from pathlib import Path

from idm.core.phrasing import Call
from idm.run.curves import NAME
from idm.run.solver_fit import PREFIX, way_to_fit
from idm.storage import Fits


def told_of_other_fits(fits: Fits, run_folder: str | Path) -> str:
    """Say in a line which curves and solvers are of another checkpoint, and how to make them anew; "" where none are.

    Plans are made anew when they are asked for.

    Args:
        fits: what was found out about a checkpoint.
        run_folder: what it was opened as: its folder, or that of its run.
    """
    names = [name for name in fits.names_of_others() if name == NAME or _calls(name)]
    if not names or not fits.checkpoint:
        return ""
    ways = " and ".join(str(_way(Path(run_folder), name)) for name in names)
    return f"fits of another checkpoint, not used for this one: {', '.join(names)}; make anew with {ways}"


def _calls(name: str) -> int:
    """Return of how many calls a solver of that name is; 0 where it is none."""
    number = name.removeprefix(PREFIX)
    return int(number) if name.startswith(PREFIX) and number.isdecimal() else 0


def _way(run_folder: Path, name: str) -> Call:
    return way_to_fit(run_folder, _calls(name)) if _calls(name) else Call("run.calibrate()", ("calibrate", run_folder))
