"""``idm bench``: what this machine, or a run on it, gives."""

import shlex
import sys
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idm.bench.workloads import WORKLOADS
from idm.cli.options import Device, Json, TrustCode, number
from idm.cli.output import Output, stdout_console
from idm.core.errors import SettingsError, unknown_name
from idm.core.outputs import checked_folder

if TYPE_CHECKING:
    from idm.bench.sizes import Configuration


OUT, ROUNDS = Path("runs/bench"), 7


def bench(
    run_folder: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="Measure this run instead: its speed, memory and batches here."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for results.json.")] = OUT,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="NAMES", help=f"Some of {', '.join(WORKLOADS)}; all by default."),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option("--sizes", metavar="NAMES", help="Sizes of the U-Net: of tiny, small, medium; all by default."),
    ] = None,
    rounds: Annotated[int, number("--rounds", "How often each is timed.", 2)] = ROUNDS,
    device: Device = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Measure a run on this machine: samples per second, memory, the largest batch.

    Without RUN, measure the processor: how fast U-Nets of known sizes train and sample in float32 and bfloat16, what
    share of its best that is, and how much memory training takes.
    """
    output = Output(as_json=as_json)
    if run_folder is not None:
        of_machine = {"--out": out != OUT, "--only": only is not None, "--sizes": sizes is not None}
        for name, is_given in (of_machine | {"--rounds": rounds != ROUNDS}).items():
            if is_given:
                raise SettingsError(
                    f"{name}: nothing beside RUN wanted, which it does not change; leave out one of them"
                )
        _bench_run(run_folder, output, device, trust_code=trust_code)
    else:
        _bench_machine(output, out, only, sizes, rounds, as_json=as_json)


def _bench_machine(
    output: Output, out: Path, only: str | None, sizes: str | None, rounds: int, *, as_json: bool
) -> None:
    from idm.bench.results import RESULTS
    from idm.bench.run import Bench, measure_machine
    from idm.bench.text import show_on
    from idm.core.terminal import TERMINAL
    from idm.tasks.together import together

    destination, workloads, configurations = together(
        lambda: checked_folder(out), lambda: _chosen("--only", only, WORKLOADS), lambda: _configurations(sizes)
    )
    show = show_on(None if as_json else stdout_console())
    measured = Bench(show, rounds, shlex.join(["idm", *sys.argv[1:]]), listener=TERMINAL)
    found = measure_machine(measured, destination, workloads, configurations)
    written = {"results": destination / RESULTS}
    output.line()
    output.pairs(written)
    output.finish(**found.to_plain(), files=written)


def _bench_run(folder: Path, output: Output, device: str | None, *, trust_code: bool) -> None:
    from idm.bench.of_run import measure_run
    from idm.core.terminal import TERMINAL
    from idm.core.text import counted
    from idm.run import load

    opened = load(folder, device=device, trust_code=trust_code)
    found = measure_run(opened, listener=TERMINAL)
    gigabytes = found.memory_bytes / 1e9
    output.line(f"{opened.name} on {opened.device}: samples per second")
    output.columns(("batch".rjust(8), "training".rjust(12)), f"  sampling, {counted(found.steps, 'step')}")
    trained = {speed.size: f"{speed.samples_per_second:,.1f}" for speed in found.training}
    drawn = {speed.size: f"{speed.samples_per_second:,.2f}" for speed in found.sampling}
    for size in sorted({*trained, *drawn}):
        output.columns((f"{size:,}".rjust(8), trained.get(size, "-").rjust(12)), f"  {drawn.get(size, '-')}")
    output.line()
    told = {"memory": f"{gigabytes:.2g} GB of tensors in a training step of {counted(found.batch_size, 'sample')}"}
    if found.largest_batch is not None:
        told["largest batch"] = f"about {found.largest_batch:,} samples in a training step, as memory goes"
    output.pairs(told)
    output.finish(checkpoint=opened.name, device=str(opened.device), **found.to_plain())


def _configurations(names: str | None) -> "list[Configuration]":
    from idm.bench.sizes import SIZES

    return [SIZES[name] for name in _chosen("--sizes", names, SIZES)]


def _chosen(option: str, names: str | None, known: Collection[str]) -> list[str]:
    """Split a list of names, each of which must be known; all of them where none are given."""
    if names is None:
        return list(known)
    chosen = [name.strip() for name in names.split(",")]
    unknown = [unknown_name(option, name, known) for name in chosen if name not in known]
    if unknown:
        raise SettingsError(*(line for error in unknown for line in error.lines))
    return list(dict.fromkeys(chosen))
