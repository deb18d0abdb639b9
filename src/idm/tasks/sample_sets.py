"""Comparing samples of any origin with real data, or keeping statistics of these; no run is needed for either."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, final

from idm.core.files import write_atomically
from idm.core.notebook import listener_or_quiet
from idm.core.outputs import checked_folder
from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks, joined_ranks
from idm.core.text import finite
from idm.metrics import Evidence
from idm.run import Evaluation, best_device
from idm.run.data_folder import refuse_data_folder
from idm.run.sample_sets import SampleSets
from idm.storage.results import results_in
from idm.tasks.evaluating import RESULTS
from idm.tasks.opened_sets import OpenedSets, SetsRequest, open_sets, ranges_by_setting
from idm.tasks.together import Say, held_by_main, say_nothing


@final
@dataclass(frozen=True, eq=False)
class ComparedSets:
    """Samples that were compared with real data, or statistics of these that were kept.

    Attributes:
        evaluation: what was found; None without samples.
        about: what was compared with, JSON-able.
        remarks: what is worth knowing of the samples and of the data, a line each.
        written: what was written, by what it is.
    """

    evaluation: Evaluation | None
    about: dict[str, Any]
    remarks: tuple[str, ...]
    written: dict[str, Path]


def evaluate_samples(
    samples_from: str | Path,
    against: str | Path,
    *,
    metrics: Sequence[str] | None = None,
    features: str | None = None,
    settings: Sequence[str] = (),
    cache: str | Path | None = None,
    device: str | None = None,
    listener: Listener | None = None,
) -> Evaluation:
    """Compare samples of any origin with real data, or with statistics of some; nothing else is written than the cache.

    Arguments are those of ``SetsRequest``, and as of ``sample_into``.

    Raises:
        DataError: samples or data that cannot be read, or do not fit each other.
        SettingsError: settings, metrics or features that cannot be.
    """
    kept = None if cache is None else str(cache)
    request = SetsRequest(str(against), str(samples_from), metrics, features, settings, cache=kept)
    with joined_ranks(best_device(device)) as ranks:
        sets, seen = _seen(_opened(request, device, listener_or_quiet(listener), ranks))
    return _evaluation(request, sets, seen)


def evaluate_samples_into(
    request: SetsRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> ComparedSets | None:
    """Do the same as a request says: evaluation.json goes to a folder that is named, statistics to a file that is.

    Under torchrun processes share the features, and the main one alone measures, writes and returns.

    Raises:
        DataError, SettingsError: as above; or files of somebody else's where results go.
        CheckpointError: another command writes there, or the disk refuses.
    """
    places = _places(request, out)
    with ExitStack() as stack:
        with joined_ranks(best_device(device)) as ranks:
            held = {
                folder: held_by_main(ranks, stack, results_in(folder, names, setting=_setting(request, names)), say)
                for folder, names in places.items()
            }
            opened = _opened(request, device, listener, ranks)
            seen = None if opened.sets is None else _seen(opened)
        if not ranks.is_main:
            return None
        evaluation = None if seen is None else _evaluation(request, *seen)
        contents = _contents(request, opened, evaluation)
        written: dict[str, Path] = {}
        for folder, results in held.items():
            assert results is not None, "the main process holds them"
            write = partial(_write, places[folder], contents)
            written |= results.put(f"a comparison with {request.against}", write)
    about = {"against": request.against, "features": vars(opened.known.reference.identity)}
    return ComparedSets(evaluation, about, opened.remarks, written)


def _opened(request: SetsRequest, device: str | None, listener: Listener, ranks: Ranks) -> OpenedSets:
    with ranges_by_setting():
        return open_sets(request, best_device(device), listener, ranks)


def _seen(opened: OpenedSets) -> tuple[SampleSets, Evidence]:
    """Look at both sides."""
    assert opened.sets is not None, "there are samples"
    with ranges_by_setting():
        return opened.sets, opened.sets.evidence()


def _places(request: SetsRequest, out: str | Path | None) -> dict[Path, tuple[str, ...]]:
    """Return which files are written to which folders.

    Raises:
        SettingsError: a folder of the data.
    """
    places: dict[Path, tuple[str, ...]] = {}
    if out is not None:
        folder = checked_folder(Path(out))
        for data in request.read:
            refuse_data_folder(folder, data)
        places[folder.resolve()] = (RESULTS,) if request.samples_from is not None else ()
    if request.save_reference is not None:
        file = Path(request.save_reference).absolute()
        folder = checked_folder(file.parent).resolve()
        for data in request.read:
            refuse_data_folder(folder, data, setting="save_reference", file=file.name)
        places[folder] = (*places.get(folder, ()), file.name)
    if request.cache is not None:
        for data in request.read:
            refuse_data_folder(Path(request.cache), data, setting="cache")
    return {folder: names for folder, names in places.items() if names}


def _setting(request: SetsRequest, names: Sequence[str]) -> str:
    """Return the setting that a folder comes of, where it is not ``out``."""
    return "" if RESULTS in names else f"save_reference={request.save_reference}"


def _evaluation(request: SetsRequest, sets: SampleSets, seen: Evidence) -> Evaluation:
    about = {"samples_from": request.samples_from, "against": request.against} | sets.about
    return Evaluation(None, sets.figures(seen), about, None, len(sets.numbers), sets.known.features)


def _contents(request: SetsRequest, opened: OpenedSets, evaluation: Evaluation | None) -> dict[str, tuple[str, bytes]]:
    """Return what each file is, and its content, by name."""
    found: dict[str, tuple[str, bytes]] = {}
    if evaluation is not None:
        text = json.dumps(finite(evaluation.to_plain()), indent=2, allow_nan=False) + "\n"
        found[RESULTS] = "results", text.encode()
    if request.save_reference is not None:
        found[Path(request.save_reference).name] = "reference", opened.known.reference.to_bytes()
    return found


def _write(names: Sequence[str], contents: Mapping[str, tuple[str, bytes]], folder: Path) -> dict[str, Path]:
    """Write some of the files to a folder."""
    chosen = {name: contents[name] for name in names}
    return {what: write_atomically(folder / name, content, durable=True) for name, (what, content) in chosen.items()}
