"""``idm import``: published weights of improved-diffusion, as a run."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli.options import Json
from idm.cli.output import Output, command
from idm.core.outputs import checked_folder

if TYPE_CHECKING:
    from idm.run import Run

LARGEST_FLAGS_BYTES = 1 << 20
"""Bytes of the largest file of flags that is read."""


def import_(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="A .pt file of improved-diffusion.", show_default=False)
    ],
    flags: Annotated[
        Path | None,
        typer.Option("--flags", metavar="FLAGS", help="JSON file with the flags it was trained with."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="Folder of the run to write.")] = None,
    as_json: Json = False,
) -> None:
    """Turn published weights of improved-diffusion into a run that 'idm sample' understands.

    FLAGS is a JSON object such as {"image_size": 64, "num_channels": 128, "num_res_blocks": 3, "learn_sigma": true,
    "diffusion_steps": 4000, "noise_schedule": "cosine"}; flags that are not given have the published scripts' defaults.
    Flags that ask for what this network cannot be are refused. Where a file holds several state dicts, averaged
    weights are taken.
    """
    from idm.core.errors import SettingsError
    from idm.storage import Checkpoint
    from idm.tasks.imported import import_weights

    if out is None or flags is None:
        missing = "--out: a folder for the run" if out is None else "--flags: a JSON file with the flags"
        raise SettingsError(f"{missing} wanted; see 'idm import --help'")
    given, folder = read_flags(flags), checked_folder(out)
    try:
        run = import_weights(weights, given, folder)
    except SettingsError as error:
        raise type(error)(*(f"--flags {flags}: {line}" for line in error.lines)) from error
    entry = Checkpoint(run.name).document("versions").get("imported_entry")
    output = Output(as_json=as_json)
    output.pairs({"imported": weights} | ({} if entry is None else {"found as": entry}) | _in_words(run) | {"run": out})
    output.line()
    output.line(f"Next: {command('idm', 'sample', out, '--num', 4, '--sampler', 'ddim', '--steps', 25)}")
    output.finish(run=out, checkpoint=run.name, entry=entry)


def _in_words(run: "Run") -> dict[str, str]:
    from idm.tasks.words import data_in_words, network_in_words, process_in_words

    return {
        "network": network_in_words(run.experiment, run.network),
        "process": process_in_words(run.experiment, run.diffusion),
        "data": data_in_words(run.spec),
    }


def read_flags(path: Path) -> dict[str, Any]:
    """Read flags from a JSON file.

    Raises:
        SettingsError: not a JSON object, or a name that is in it twice.
    """
    from idm.core.errors import SettingsError
    from idm.core.places import kind_at
    from idm.core.text import one_line

    if not path.is_file() or path.stat().st_size > LARGEST_FLAGS_BYTES:
        found = "a larger one" if path.is_file() else kind_at(path)
        raise SettingsError(f"--flags {path}: a JSON file of at most 1 MiB wanted, got {found}; check the path")
    try:
        flags = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=_without_repetition, parse_constant=_refuse_constant
        )
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"--flags {path}: a JSON file wanted ({one_line(error)})") from error
    if not isinstance(flags, dict):
        raise SettingsError(f"--flags {path}: a JSON object with flags by name wanted, got {type(flags).__name__}")
    return flags


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    flags = dict(pairs)
    if len(flags) < len(pairs):
        repeated, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the flag {repeated:.60} is given twice")
    return flags


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
