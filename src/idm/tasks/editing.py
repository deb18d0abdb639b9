"""Encoding samples into a file of latents, decoding it, and walking between samples, into folders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.outputs import checked_file
from idm.core.places import file_in, usable_folder
from idm.core.progress import SILENT, Listener
from idm.core.text import counted
from idm.data.writers import FORMAT_OF_SOURCE
from idm.run import Latents, Run, encoding, load
from idm.run.carrying import classes_of_latents
from idm.run.file_facts import FileFacts
from idm.run.formats import writers_for
from idm.run.guided_latents import run_that_decodes
from idm.run.inputs import Inputs, read_inputs
from idm.run.interpolating import interpolate
from idm.run.inversions import inversion_of
from idm.run.labels import Labels
from idm.run.latents import require_latents
from idm.run.named_classifier import guided_by_names, named_classifier
from idm.run.opened import Opened
from idm.run.point_files import TABLE_SUFFIXES
from idm.run.same_kind import facts_of
from idm.run.saving import results_folder, sample_folder, save_samples
from idm.storage.lock import locked
from idm.tasks.edit_requests import EncodeRequest, InterpolateRequest
from idm.tasks.made import Made
from idm.tasks.together import Say, say_nothing, say_what_is_replaced, together

LATENTS = "latents.safetensors"


@dataclass(frozen=True, eq=False)
class Encoded:
    """Latents in a file.

    Attributes:
        run: what encoded them.
        latents: the latents.
        path: the file.
    """

    run: Run
    latents: Latents
    path: Path


@dataclass(frozen=True, eq=False)
class Edited(Made):
    """Samples that were made of latents into a folder.

    Attributes:
        steps: of the inversion.
    """

    steps: int


def encode_into(
    run_folder: str | Path,
    names: Sequence[str],
    request: EncodeRequest | None = None,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
) -> Encoded:
    """Encode samples into a file; errors that are not told here as of ``Run.encode``, ``Run.guided`` and ``load``.

    Args:
        run_folder: a run folder or a checkpoint.
        names: files of images or arrays, or held-out samples of the run, such as "held-out:0-7".
        request: what is wanted; the defaults where None.
        out: a .safetensors file, latents.safetensors in the run by default; latents in it are replaced.
        device: where to compute; the best one found by default.
        trust_code: import and call what a custom source or network names.
        listener: hears how each batch gets on.

    Raises:
        SettingsError: a line per wrong value, or another file of that name.
    """
    asked = request or EncodeRequest()
    opened = guided_by_names(load(run_folder, device=device, trust_code=trust_code), asked.guide)
    path, choice, labels = together(
        lambda: checked_file(file_in(opened.folder, LATENTS) if out is None else Path(out), ".safetensors"),
        lambda: inversion_of(opened.diffusion, asked.inversion),
        lambda: classes_of_latents(opened, asked.labels),
    )
    given: dict[str, Any] = {"labels": labels, "choice": choice, "seed": asked.seed, "batch_size": asked.batch_size}
    with usable_folder(path.parent), locked(path.parent, f".{path.name}.lock"):
        require_latents(path)
        inputs = read_inputs(opened, names)
        latents = encoding.encode(opened, inputs, **given, listener=listener)
        latents = replace(latents, file=_facts_of_all(opened, inputs))
        latents.save(path)
    return Encoded(opened, latents, path)


def _facts_of_all(run: Run, inputs: Inputs) -> FileFacts | None:
    """Return what the files say that samples came in, where all say the same and a writer gives it back; else None."""
    first: FileFacts | None = None
    paths = [Path(origin) for origin in dict.fromkeys(inputs.origins)]
    for path in paths:
        is_told = path.exists() and path.suffix.lower() not in TABLE_SUFFIXES
        found = facts_of(run, path) if is_told else None
        if found is not None and len(paths) > 1:
            found = replace(found, sample_axis=None)  # which each has of its own
        if found is None or found.source not in FORMAT_OF_SOURCE or found != (first or found):
            return None
        first = found
    return first


def decode_into(
    run_folder: str | Path,
    latents: str | Path,
    out: str | Path | None = None,
    *,
    labels: Labels | None = None,
    classifier: str | None = None,
    formats: Sequence[str] | None = None,
    batch_size: int = 256,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Edited:
    """Decode a file of latents into a folder, RUN/decoded by default, by the guidance that it was encoded with.

    Args:
        run_folder: as of ``encode_into``.
        latents: the file.
        out: the folder.
        labels: other classes than before.
        classifier: "module:name" of one's own, where it was encoded with that: it is imported and called.
        formats: names of formats of files, as of ``Run.save``; by default that of the files that all came in.
        batch_size: samples per call of the network.
        device: as of ``encode_into``, as the rest.
        trust_code: as there.
        listener: as there.
        say: told what is replaced.
    """
    opened, codes = load(run_folder, device=device, trust_code=trust_code), Latents.read(latents)
    opened = run_that_decodes(opened, codes.guide, None if classifier is None else named_classifier(classifier))
    folder, asked = _decoded_to(out, opened, labels, formats, codes.file)
    codes.check(opened)
    with sample_folder(folder, opened, len(codes.x), formats=formats, facts=codes.file) as results:
        say_what_is_replaced(results, say)
        x, y = encoding.decode(opened, codes, labels=asked, batch_size=batch_size, listener=listener)
        what = f"{counted(len(x), 'sample')} decoded from {latents}"
        how: dict[str, Any] = {"labels": y, "formats": formats, "facts": codes.file}
        written = results.put(what, lambda new: save_samples(new, opened, x, **how))
    return Edited(opened, x, written, codes.steps)


def _decoded_to(
    out: str | Path | None,
    run: Opened,
    labels: Labels | None,
    formats: Sequence[str] | None,
    facts: FileFacts | None,
) -> tuple[Path, list[int] | None]:
    """Return the folder and the classes, or refuse them and the formats together."""
    folder, asked, _ = together(
        lambda: results_folder(out, run, "decoded"),
        lambda: classes_of_latents(run, labels),
        lambda: writers_for(run, formats, facts),
    )
    return folder, asked


def interpolate_into(
    run_folder: str | Path,
    start: str,
    end: str,
    request: InterpolateRequest | None = None,
    out: str | Path | None = None,
    *,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Edited:
    """Walk from one sample to another into a folder, RUN/interpolated by default.

    The ends are a file of one sample each, or a held-out one, such as "held-out:3", and have classes of their own, of
    which the first's is the second's by default. All else is as of ``Run.interpolate`` and ``encode_into``.
    """
    asked = request or InterpolateRequest()
    opened = guided_by_names(load(run_folder, device=device, trust_code=trust_code), asked.guide)
    folder, choice, first, second = together(
        lambda: results_folder(out, opened, "interpolated"),
        lambda: inversion_of(opened.diffusion, asked.inversion),
        lambda: classes_of_latents(opened, asked.label_a, "label_a"),
        lambda: classes_of_latents(opened, asked.label_b, "label_b"),
    )
    ends, num = read_inputs(opened, [start, end]), whole_number(asked.num, "num")
    labels, option = _pair(first or second, second or first), "label_a=CLASS and label_b=CLASS"
    seed = whole_number(asked.seed, "seed")
    given: dict[str, Any] = {"labels": labels, "option": option, "choice": choice, "seed": seed}
    facts = _facts_of_all(opened, ends)
    with sample_folder(folder, opened, num, facts=facts) as results:
        say_what_is_replaced(results, say)
        x, y = interpolate(opened, ends, num, **given, listener=listener)
        what = f"{counted(num, 'sample')} from {start} to {end}"
        how: dict[str, Any] = {"columns": num, "labels": y, "facts": facts}
        written = results.put(what, lambda new: save_samples(new, opened, x, **how))
    return Edited(opened, x, written, choice.process.num_timesteps)


def _pair(first: list[int] | None, second: list[int] | None) -> tuple[int, int] | None:
    """Return the classes of the two ends; None where none were given."""
    if first is None or second is None:
        return None
    for name, labels in (("label_a", first), ("label_b", second)):
        if len(labels) != 1:
            raise SettingsError(f"{name}: one class wanted, got {len(labels)}; each end has one")
    return first[0], second[0]
