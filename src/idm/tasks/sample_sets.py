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
from idm.core.text import finite
from idm.run import Evaluation
from idm.run.data_folder import refuse_data_folder
from idm.storage.results import results_in
from idm.tasks.evaluating import RESULTS
from idm.tasks.opened_sets import OpenedSets, SetsRequest, open_sets, ranges_by_setting
from idm.tasks.together import Say, say_nothing, say_what_is_replaced


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
    found = evaluate_samples_into(request, device=device, listener=listener_or_quiet(listener)).evaluation
    assert found is not None, "there are samples"
    return found


def evaluate_samples_into(
    request: SetsRequest,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> ComparedSets:
    """Do the same as a request says: evaluation.json goes to a folder that is named, statistics to a file that is.

    Raises:
        DataError, SettingsError: as above; or files of somebody else's where results go.
        CheckpointError: another command writes there, or the disk refuses.
    """
    places = _places(request, out)
    with ExitStack() as stack:
        held = {
            folder: stack.enter_context(results_in(folder, names, setting=_setting(request, names)))
            for folder, names in places.items()
        }
        for results in held.values():
            say_what_is_replaced(results, say)
        with ranges_by_setting():
            opened = open_sets(request, device, listener)
            evaluation = None if opened.sets is None else _evaluation(request, opened)
        contents = _contents(request, opened, evaluation)
        written: dict[str, Path] = {}
        for folder, results in held.items():
            write = partial(_write, places[folder], contents)
            written |= results.put(f"a comparison with {request.against}", write)
    about = {"against": request.against, "features": vars(opened.known.reference.identity)}
    return ComparedSets(evaluation, about, opened.remarks, written)


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


def _evaluation(request: SetsRequest, opened: OpenedSets) -> Evaluation:
    sets = opened.sets
    assert sets is not None, "there are samples"
    about = {"samples_from": request.samples_from, "against": request.against} | sets.about
    return Evaluation(None, sets.figures(), about, None, len(sets.numbers), sets.known.features)


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
