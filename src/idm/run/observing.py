"""Observations of samples in the units of the data, read, simulated, and brought into the model's range."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from idm.core.errors import DataError
from idm.core.rng import Rng
from idm.data.images.check import gather
from idm.restoration import Mask, Observation, Operator, Selection
from idm.run.inputs import HELD_OUT, read_inputs
from idm.run.label_kind import Label
from idm.run.observed_files import WHOLE, files_at, observed_in, places_in, read_file
from idm.run.opened import Opened
from idm.run.point_files import TABLE_SUFFIXES
from idm.run.told_classes import classes_in_table
from idm.run.units import observation_of


@dataclass(frozen=True, eq=False)
class Observed:
    """What was seen of some samples.

    Attributes:
        values: in the data's units [n, *shape], float64: what the operator gives of a sample; of one that picks values
            whole samples, with NaN where nothing was seen besides.
        names: what to call each in results.
        labels: number of the class of each, None where it is not known.
        files: the file that each came from, which may hold several; None where there is none.
        truth: the samples that were seen, in the model's range, where they are known.
        places: finds what messages call each, its file and where it lies in that; None: they have the names.
    """

    values: Tensor
    names: tuple[str, ...]
    labels: tuple[Label | None, ...]
    files: tuple[Path | None, ...]
    truth: Tensor | None = None
    places: Callable[[], Sequence[str]] | None = None

    def place(self, row: int) -> str:
        """Return what messages call a sample."""
        return self.names[row] if self.places is None else self.places()[row]


def read_observed(run: Opened, operator: Operator, names: Sequence[str]) -> Observed:
    """Read observations from files.

    Pictures and arrays hold what an operator gives of a sample, in the units of the data and their order of axes;
    of a folder all that lie in it are read.

    Args:
        run: the run whose data are observed.
        operator: how.
        names: files and folders.

    Raises:
        DataError: files that cannot be read, or of another shape.
    """
    if own := [name for name in names if name.startswith(HELD_OUT)]:
        raise DataError(f"{own[0]}: a file of observations wanted, got a whole sample; {WHOLE}")
    paths = [path for name in names for path in files_at(Path(name), any_kind=True)]
    shape, picks = shape_of(operator, run), isinstance(operator, Selection)
    found = gather(lambda path: read_file(run, path, shape, may_have_holes=picks), paths)
    titles, files = _titles_and_files([str(path) for path, values in zip(paths, found, strict=True) for _ in values])
    counts = [(path, len(values)) for path, values in zip(paths, found, strict=True)]
    values = torch.from_numpy(np.concatenate(found))
    labels = [label for path, count in counts for label in _classes_in(run, path, count)]
    return Observed(values, titles, tuple(labels), files, places=partial(_places, counts))


def observe(run: Opened, operator: Operator, noise: float, names: Sequence[str], seed: int) -> Observed:
    """Observe whole samples, from files or held-out ones, with noise from seeds: a trial whose answer is known.

    Args:
        run: as of ``read_observed``.
        operator: as there.
        noise: standard deviation, in the units of the data.
        names: as of ``read_inputs``.
        seed: of the first sample; the next ones count on.

    Raises:
        DataError: as of ``read_inputs``.
    """
    inputs = read_inputs(run, names)
    clean = torch.from_numpy(run.spec.codec.decode(inputs.x).astype(np.float64))
    values = clean if isinstance(operator, Selection) else operator.apply(clean)
    drawn = Rng.from_seed(range(seed, seed + len(values)), len(values)).normal("observation", 0, values.shape[1:])
    titles, files = _titles_and_files(inputs.origins)
    return Observed(values + noise * drawn, titles, tuple(inputs.labels), files, inputs.x)


def as_observed(run: Opened, operator: Operator, values: npt.ArrayLike) -> Observed:
    """Take observations as an array in the data's units, one or several.

    Raises:
        DataError: no numbers, or another shape.
    """
    data = np.asarray(values.detach().cpu().numpy() if isinstance(values, Tensor) else values)
    shape = shape_of(operator, run)
    layout = run.spec.layout if len(shape) == len(run.spec.shape) else "first"
    rows = torch.from_numpy(observed_in(data, shape, layout, "observed", "apply it to whole samples first"))
    nobody = (None,) * len(rows)
    return Observed(rows, tuple(f"{row:05d}" for row in range(len(rows))), nobody, nobody)


def shape_of(operator: Operator, run: Opened) -> tuple[int, ...]:
    """Return the shape in which one sample of a run is observed: a whole one, where the operator picks values of it."""
    if isinstance(operator, Selection):
        return run.spec.shape
    return tuple(operator.apply(torch.zeros(1, *run.spec.shape, dtype=torch.float64)).shape[1:])


def observations_of(run: Opened, operator: Operator, observed: Observed, noise: float) -> list[Observation]:
    """Bring observations into the model's range, one by one; those with the same holes share their operator.

    Args:
        run: whose samples were observed.
        operator: how.
        observed: from one of the functions here.
        noise: standard deviation, in the units of the data.

    Raises:
        SettingsError: channels of different scales, which the operator mixes.
        DataError: holes in what an operator gives that does not pick values, or samples of nothing but holes.
    """
    codec, shape = run.spec.codec, run.spec.shape
    if not isinstance(operator, Selection):
        _refuse_holes(observed)
        whole = observation_of(operator, observed.values, noise, codec, shape)
        return [whole.select(torch.tensor([row])) for row in range(len(observed.values))]
    masks: dict[bytes, Selection] = {operator.seen.numpy().tobytes(): operator}
    found: list[Observation] = []
    is_whole = True
    for row, sample in enumerate(observed.values):
        seen = operator.seen & ~sample.isnan()
        if not seen.any():
            raise DataError(f"{observed.place(row)}: some values that are seen wanted, got none; leave it out")
        is_whole = is_whole and bool(seen.all())
        key = seen.numpy().tobytes()
        mask = masks[key] = masks.get(key) or Mask(shape, seen)
        found.append(observation_of(mask, mask.apply(sample.nan_to_num()[None]), noise, codec, shape))
    if noise == 0 and is_whole:
        _refuse_whole(observed)
    return found


def _classes_in(run: Opened, path: Path, count: int) -> list[Label | None]:
    """Return the class of each observation in a file: those that a column of a table names."""
    return classes_in_table(run, path, count) if path.suffix.lower() in TABLE_SUFFIXES else [None] * count


def _places(counts: Sequence[tuple[Path, int]]) -> list[str]:
    return [place for path, count in counts for place in places_in(path, count)]


def _refuse_whole(observed: Observed) -> None:
    """Refuse observations of which all are whole already.

    Raises:
        DataError: as said.
    """
    others = len(observed.values) - 1
    which = observed.place(others) + (f" and the {others:,} before it" if others else "")
    raise DataError(
        f"{which}: holes wanted (NaN, transparent pixels, or a mask), got none in any of them; hide what is to be drawn"
    )


def seen_exactly(operator: Operator, observed: Observed, noise: float) -> Tensor | None:
    """Return what was seen without noise as values of samples, in the data's units, and NaN elsewhere [n, c, *space].

    Args:
        operator: how.
        observed: what.
        noise: standard deviation, in the units of the data.

    Returns:
        None where the operator does not pick values, or where there is noise.
    """
    if noise > 0 or not isinstance(operator, Selection):
        return None
    return torch.where(operator.seen, observed.values, torch.nan)


def _refuse_holes(observed: Observed) -> None:
    bad = [name for name, values in zip(observed.names, observed.values, strict=True) if values.isnan().any()]
    if bad:
        raise DataError(
            f"{bad[0]}: finite numbers wanted, got NaN, which stands for values that are not seen with a mask alone; "
            "replace it"
        )


def _titles_and_files(origins: Sequence[str]) -> tuple[tuple[str, ...], tuple[Path | None, ...]]:
    """Name samples by the files, or held-out samples, that they are, and return the files."""
    num_in, seen = Counter(origins), Counter[str]()
    titles: list[str] = []
    for origin in origins:
        title = origin.replace(":", "-") if origin.startswith(HELD_OUT) else _stem(Path(origin))
        titles.append(f"{title}-{seen[origin]}" if num_in[origin] > 1 else title)
        seen[origin] += 1
    files = [None if origin.startswith(HELD_OUT) else Path(origin) for origin in origins]
    return _distinct(titles), tuple(files)


def title_of_set(first: str) -> str:
    """Return what to call the set of samples in a file, by the name of the first of them."""
    return first.removesuffix("-0")


def _stem(path: Path) -> str:
    """Name a file without its suffix, and without what no name of a file should hold."""
    name = path.name.removesuffix(".gz")
    stem = name.removesuffix(Path(name).suffix)
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in stem).strip(".") or "sample"


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Make names differ, by a number where they do not, also where the disk tells no case apart."""
    if len({name.casefold() for name in names}) == len(names):
        return tuple(names)
    return tuple(f"{row:05d}-{name}" for row, name in enumerate(names))
