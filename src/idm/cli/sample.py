"""``idm sample``: draw samples of a trained model."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from idm.cli import completion
from idm.cli.options import BatchSize, Device, Json, OutFolder, Precision, RunArgument, SamplerOverrides, Seed, Spacing
from idm.cli.output import Output
from idm.core.text import counted

PARTS = ".parts-drawn"
"""Where the parts lie meanwhile."""


def sample(
    run: RunArgument,
    num: Annotated[int, typer.Option("--num", metavar="N", min=1, help="How many samples.")] = 64,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", metavar="CLASSES", help="Classes by name, number or range, taken in turn; all by default."
        ),
    ] = None,
    seed: Seed = 0,
    sampler: Annotated[
        str | None,
        typer.Option(
            "--sampler",
            metavar="NAME",
            help="ddim, ddpm, ...; the run's own by default.",
            autocompletion=completion.samplers,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", metavar="N", min=0, help="Steps to take, 0 for all; the run's own number by default."),
    ] = None,
    spacing: Spacing = None,
    eta: Annotated[
        float | None,
        typer.Option("--eta", metavar="X", help="Share of noise in DDIM, 0 (deterministic) to 1."),
    ] = None,
    guidance: Annotated[
        float,
        typer.Option("--guidance", metavar="X", help="Classifier-free guidance; 1 is off, more exaggerates."),
    ] = 1.0,
    overrides: SamplerOverrides = None,
    batch_size: BatchSize = 256,
    trajectory: Annotated[
        bool, typer.Option("--trajectory/--no-trajectory", metavar="", help="Write an animation of the steps.")
    ] = True,
    compile_: Annotated[
        bool,
        typer.Option(
            "--compile",
            metavar="",
            help="Use torch.compile; worth it for thousands of samples: the first batch takes minutes.",
        ),
    ] = False,
    out: OutFolder = None,
    precision: Precision = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Draw samples: a picture of all, PNG files, exact values in samples.npz, an animation of the steps.

    Interrupted, it keeps the finished batches, and the same command goes on; torchrun shares them out among GPUs.
    """
    from idm.cli.results import (
        LARGEST_GRID,
        announce,
        describe_results,
        held_by_main,
        results_folder,
        sample_folder,
        save_samples,
        together,
    )
    from idm.core.ranks import joined_ranks
    from idm.report import columns_of
    from idm.run import best_device
    from idm.run.labels import class_numbers
    from idm.run.run import require_memory
    from idm.tasks.long_jobs import load_together, sample_in_parts
    from idm.tasks.parts import remove_parts
    from idm.tasks.trajectory import Recorder

    given = {"name": sampler, "steps": steps, "spacing": spacing, "eta": eta}
    options = sampler_options(overrides or []) | {name: value for name, value in given.items() if value is not None}
    output = Output(as_json=as_json)
    with ExitStack() as stack:
        with joined_ranks(best_device(device)) as ranks:
            opened = load_together(run, ranks, device=device).using(precision=precision, compile=compile_)
            destination, _, chosen, classes, _ = together(
                lambda: results_folder(out, opened, "sampled"),
                lambda: require_memory(num, opened.spec.shape, "--num"),
                lambda: opened.sampler(**options),
                lambda: class_numbers(labels, opened.spec.class_names),
                lambda: guidance == 1.0 or opened.require_guidance(guidance),
            )
            in_turn = len(classes) if classes is not None else opened.spec.num_classes or 1
            is_shown = trajectory and len(opened.spec.shape) > 1
            recorder = Recorder(chosen, opened.spec, num, in_turn) if is_shown else None
            results = held_by_main(
                ranks, stack, sample_folder(destination, opened, num, trajectory=recorder is not None)
            )
            announce(output, results)
            x = sample_in_parts(
                opened,
                num,
                destination / PARTS,
                labels=classes,
                seed=seed,
                guidance=guidance,
                sampler=chosen,
                batch_size=batch_size,
                watch=None if recorder is None else recorder.watch,
                ranks=ranks,
                progress=True,
            )
        if x is None or results is None:
            return
        y = opened.label_kwargs(classes, num).get("y")

        def write(folder: Path) -> dict[str, Path]:
            named = None if y is None else y.tolist()
            written = save_samples(
                folder,
                opened,
                x,
                columns=columns_of(min(num, LARGEST_GRID), in_turn),
                labels=named,
                seeds=range(seed, seed + num),
            )
            return written if recorder is None else written | recorder.save(folder)

        written = results.put(f"{counted(num, 'sample')} from {opened.path}, seed {seed}", write)
        remove_parts(destination / PARTS)
    taken = chosen.diffusion.num_timesteps
    output.line(f"{counted(num, 'sample')} by {type(chosen).__name__}, {counted(taken, 'step')}, from {opened.path}")
    describe_results(output, opened, x, written)
    output.finish(num=num, steps=taken, seed=seed, checkpoint=opened.path, **written)


def sampler_options(overrides: list[str]) -> dict[str, Any]:
    """Read sampler settings, with or without the name of their section: "eta=0.3", "sampler.eta=0.3"."""
    from idm.settings.files import parse_override

    options: dict[str, Any] = {}
    for override in overrides:
        plain = parse_override(override)
        options |= plain["sampler"] if isinstance(plain.get("sampler"), dict) else plain
    return options
