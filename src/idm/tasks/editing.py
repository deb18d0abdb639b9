"""Encoding samples into a file of latents, decoding it, and walking between samples, into folders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idm.core.errors import SettingsError
from idm.core.outputs import checked_file
from idm.core.places import file_in, usable_folder
from idm.core.progress import SILENT, Listener
from idm.core.text import counted
from idm.run import Latents, Run, encoding, load
from idm.run.inputs import read_inputs
from idm.run.inversions import choose_inversion
from idm.run.labels import Labels, class_numbers
from idm.run.latents import require_latents
from idm.run.saving import results_folder, sample_folder, save_samples
from idm.storage.lock import locked
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
    run: str | Path,
    names: Sequence[str],
    out: str | Path | None = None,
    *,
    labels: Labels | None = None,
    method: str | None = None,
    steps: int | None = None,
    spacing: str | None = None,
    seed: int = 0,
    batch_size: int = 256,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
) -> Encoded:
    """Encode samples into a file; arguments and errors that are not told here as of ``Run.encode`` and ``load``.

    Args:
        run: a run folder or a checkpoint.
        names: files of images or arrays, or held-out samples of the run, such as "held-out:0-7".
        out: a .safetensors file, latents.safetensors in the run by default; latents in it are replaced.
        labels: classes of the samples, in turn; no class by default.
        method: how to invert, one of ``idm.editing.INVERSIONS``; bdia by default.
        steps: of the inversion.
        spacing: name of the grid of the inversion; log_snr by default.
        seed: of the noise of rex_sde: sample i has that of seed + i.
        batch_size: samples per call of the network.
        device: where to compute; the best one found by default.
        trust_code: import and call what a custom source or network names.
        listener: hears how each batch gets on.

    Raises:
        SettingsError: a line per wrong value, or another file of that name.
    """
    opened = load(run, device=device, trust_code=trust_code)
    path, choice, asked = together(
        lambda: checked_file(file_in(opened.folder, LATENTS) if out is None else Path(out), ".safetensors"),
        lambda: choose_inversion(opened.diffusion, method, steps, spacing),
        lambda: class_numbers(labels, opened.spec.class_names),
    )
    with usable_folder(path.parent), locked(path.parent, f".{path.name}.lock"):
        require_latents(path)
        x = read_inputs(opened, names)
        latents = encoding.encode(
            opened, x, labels=asked, choice=choice, seed=seed, batch_size=batch_size, listener=listener
        )
        latents.save(path)
    return Encoded(opened, latents, path)


def decode_into(
    run: str | Path,
    latents: str | Path,
    out: str | Path | None = None,
    *,
    labels: Labels | None = None,
    batch_size: int = 256,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Edited:
    """Decode a file of latents into a folder, RUN/decoded by default; ``labels`` are other classes than before.

    The other arguments and the errors are as of ``encode_into``; ``say`` is told what is replaced.
    """
    opened = load(run, device=device, trust_code=trust_code)
    folder, asked = together(
        lambda: results_folder(out, opened, "decoded"), lambda: class_numbers(labels, opened.spec.class_names)
    )
    codes = Latents.read(latents)
    codes.check(opened)
    with sample_folder(folder, opened, len(codes.x)) as results:
        say_what_is_replaced(results, say)
        x, y = encoding.decode(opened, codes, labels=asked, batch_size=batch_size, listener=listener)
        what = f"{counted(len(x), 'sample')} decoded from {latents}"
        written = results.put(what, lambda new: save_samples(new, opened, x, labels=y))
    return Edited(opened, x, written, codes.steps)


def interpolate_into(
    run: str | Path,
    start: str,
    end: str,
    out: str | Path | None = None,
    *,
    num: int = 9,
    label_a: Labels | None = None,
    label_b: Labels | None = None,
    method: str | None = None,
    steps: int | None = None,
    spacing: str | None = None,
    device: str | None = None,
    trust_code: bool = False,
    listener: Listener = SILENT,
    say: Say = say_nothing,
) -> Edited:
    """Walk from one sample to another into a folder, RUN/interpolated by default.

    The ends are a file of one sample each, or a held-out one, such as "held-out:3", and have classes of their own, of
    which the first's is the second's by default; ``method``, ``steps`` and ``spacing`` are of the inversion, as of
    ``encode_into``. All else is as of ``Run.interpolate`` and ``decode_into``.
    """
    opened = load(run, device=device, trust_code=trust_code)
    folder, choice, first, second = together(
        lambda: results_folder(out, opened, "interpolated"),
        lambda: choose_inversion(opened.diffusion, method, steps, spacing),
        lambda: class_numbers(label_a, opened.spec.class_names, "label_a"),
        lambda: class_numbers(label_b, opened.spec.class_names, "label_b"),
    )
    ends = read_inputs(opened, [start, end])
    labels = _pair(first or second, second or first)
    with sample_folder(folder, opened, num) as results:
        say_what_is_replaced(results, say)
        option, what = "label_a=CLASS and label_b=CLASS", f"{counted(num, 'image')} from {start} to {end}"
        x, y = encoding.interpolate(opened, ends, num, labels=labels, option=option, choice=choice, listener=listener)
        written = results.put(what, lambda new: save_samples(new, opened, x, columns=num, labels=y))
    return Edited(opened, x, written, choice.inversion.diffusion.num_timesteps)


def _pair(first: list[int] | None, second: list[int] | None) -> tuple[int, int] | None:
    """Return the classes of the two ends; None where none were given."""
    if first is None or second is None:
        return None
    for name, labels in (("label_a", first), ("label_b", second)):
        if len(labels) != 1:
            raise SettingsError(f"{name}: one class wanted, got {len(labels)}; each end has one")
    return first[0], second[0]
