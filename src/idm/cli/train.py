"""``idm train``: train a model, or go on with the run in its folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idm.cli import completion, condition_options
from idm.cli.flags import in_options
from idm.cli.groups import Doing
from idm.cli.options import Overrides, named
from idm.cli.output import Output
from idm.core.outputs import checked_folder
from idm.core.text import counted

if TYPE_CHECKING:
    from idm.run import Run
    from idm.tasks.choose import Chosen
    from idm.tasks.task import Start


Config = Annotated[
    Path | None, typer.Argument(metavar="CONFIG", help="A YAML or TOML file with settings.", show_default=False)
]
Preset = Annotated[str | None, named("--preset", "Start from a preset; 'idm config' lists them.", completion.presets)]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="Images in a folder, a CSV file or tar shards; or CSV files of numbers, IDX, NPY, NPZ, HDF5, Zarr, NIfTI, "
        "DICOM, FITS, NetCDF, TIFF, WAV, FLAC, EDF, Parquet or a saved Hugging Face data set; or an index of "
        "'idm check-data'. Settings are inferred from it.",
    ),
]
Init = Annotated[
    Path | None,
    typer.Option(
        "--init",
        metavar="RUN",
        help="Begin with the weights of this run, also an imported one, or of one checkpoint.",
    ),
]
RunFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="RUN", help="Folder of the run; the same command again continues it."),
]
MaxTime = Annotated[
    str | None,
    typer.Option("--max-time", metavar="TIME", help="Stop, save and exit with 75 after this time: 2h30m, 45m, 90s."),
]
Track = Annotated[
    list[str] | None,
    named("--track", "Also log to tensorboard, trackio or wandb; repeatable.", completion.trackers),
]


def train(
    config: Config = None,
    preset: Preset = None,
    data: Data = None,
    condition: condition_options.OfData = None,
    init: Init = None,
    out: RunFolder = None,
    overrides: Overrides = None,
    max_time: MaxTime = None,
    track: Track = None,
    *,
    doing: Doing,
) -> None:
    """Train a model, or go on with the run in its folder.

    'idm train --preset digits --out runs/digits' trains on handwritten digits, which need no download;
    'idm train --data PATH --out RUN' on your own data. The first Ctrl-C stops after the present step and saves.
    """
    from idm.tasks import train as train_experiment
    from idm.tasks.choose import choose_experiment
    from idm.training import parse_duration
    from idm.training.trackers import careful_tracker

    output, run_folder = doing.output, _run_folder(out, data)
    max_seconds = None if max_time is None else parse_duration(max_time)
    trackers = [careful_tracker(name, run_folder) for name in track or []]
    chosen = choose_experiment(config, preset, data, run_folder, overrides or [], init, condition)
    run = train_experiment(
        chosen.experiment,
        run_folder,
        device=doing.device,
        init=init,
        adapt=chosen.adapt,
        announce=lambda start: _announce(output, start, run_folder, chosen),
        trackers=trackers,
        max_seconds=max_seconds,
        trust_code=doing.trust_code,
        trusted=chosen.trusted,
    )
    _finish(output, run, run_folder)


def _run_folder(out: Path | None, data: str | None) -> Path:
    """Return the folder of the run, if it may be one beside these data."""
    from idm.core.errors import SettingsError
    from idm.core.launch import rank
    from idm.tasks.run_folder import require_run_folder

    if out is None:
        raise SettingsError("--out: a folder for the run wanted, such as --out runs/mine")
    folder = checked_folder(out)
    if rank() == 0:
        require_run_folder(folder, [] if data is None else [data])
    return folder


def _announce(output: Output, start: "Start", run_folder: Path, chosen: "Chosen") -> None:
    from idm.tasks.choose import what_is_new
    from idm.tasks.words import data_in_words, network_in_words, origin_in_words, process_in_words

    experiment, settings = start.experiment, start.experiment.training
    if chosen.is_inferred:
        rest = "" if start.origin is None else ", and those of the run that it begins with"
        output.line(f"Settings inferred from the data{rest}; change any with --set PATH=VALUE:")
        for line in what_is_new(experiment, chosen.given):
            output.line(f"  {line}")
        output.line()
    batch = counted(settings.batch_size, "sample")
    together = f", {start.num_processes:,} processes together" if start.num_processes > 1 else ""
    resumed = f", resumed at step {start.num_steps_done:,}" if start.num_steps_done else ""
    source = start.data.train.source
    output.pairs(
        {
            "data": f"{source.note}; {data_in_words(start.data.spec)}",
            **({"noted": in_options("; ".join(source.remarks))} if source.remarks else {}),
            "network": f"{network_in_words(experiment, start.network)}, on {start.device}",
            **({} if start.origin is None else {"weights": f"began as {origin_in_words(start.origin)}"}),
            "process": process_in_words(experiment, start.diffusion),
            "training": f"{counted(settings.num_steps, 'step')} of {batch}{together}{resumed}",
            "run": run_folder,
        }
    )
    if start.num_steps_done >= settings.num_steps:
        longer = f"--set training.num_steps={2 * start.num_steps_done}"
        output.line(f"Nothing is left to train: every step of {settings.num_steps:,} is done; to go on, add {longer}")


def _finish(output: Output, run: "Run", folder: Path) -> None:
    output.line()
    samples = folder / "samples"
    shown = {"samples": samples} if samples.is_dir() else {}
    output.pairs({"trained": counted(run.step, "step"), "model": run.name, **shown, "losses": folder / "metrics.jsonl"})
    output.next("sample", folder, "--num", 64)
    output.finish(run=folder, checkpoint=run.name, step=run.step)
