"""``idm evaluate``: score a run on the data it has not seen."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli import completion
from idm.cli.options import (
    BatchSize,
    Device,
    Json,
    OutFolder,
    Precision,
    RunArgument,
    Seed,
    SourceOverrides,
    Spacing,
    TrustCode,
)
from idm.cli.output import Output, finite
from idm.core.text import counted

if TYPE_CHECKING:
    from idm.run import HeldOutBound, Recognition

BOUND, SAMPLES = ".parts-bound", ".parts-samples"
"""Where the parts of long jobs lie meanwhile."""

PLOT, RESULTS = "bound.png", "evaluation.json"
NAMES, WHAT = (RESULTS, PLOT), "an evaluation"
"""What is written, and what it is."""


def evaluate(
    run: RunArgument,
    other: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Score other data in place of the held-out samples: images in a folder, a CSV file or tar shards; "
            "or NPY, NPZ, HDF5, Zarr, NIfTI, TIFF, Parquet or a saved Hugging Face data set. Of data in parts, such as "
            "train and test, the part to test.",
        ),
    ] = None,
    overrides: SourceOverrides = None,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=0, help="Bound of a chain of N steps; 0: of the whole chain.")
    ] = 0,
    num: Annotated[int, typer.Option("--num", metavar="N", min=0, help="Held-out samples to score; 0: all.")] = 0,
    samples: Annotated[
        int,
        typer.Option("--samples", metavar="N", min=0, help="Draw N samples too, and let a classifier recognise them."),
    ] = 0,
    sampler: Annotated[
        str | None,
        typer.Option(
            "--sampler",
            metavar="NAME",
            help="For --samples; the run's own by default.",
            autocompletion=completion.samplers,
        ),
    ] = None,
    sampler_steps: Annotated[
        int | None, typer.Option("--sampler-steps", metavar="N", min=0, help="For --samples; 0: all.")
    ] = None,
    spacing: Spacing = None,
    seed: Seed = 0,
    batch_size: BatchSize = 512,
    out: OutFolder = None,
    precision: Precision = None,
    device: Device = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Score held-out data in bits/dim, term by term: evaluation.json, and a plot of the terms over timesteps.

    Interrupted, it keeps what is finished, and the same command goes on; torchrun shares the work out among GPUs.
    """
    from idm.cli.data_options import options_to_score
    from idm.cli.results import announce, held_by_main, results_folder, together
    from idm.core.ranks import joined_ranks
    from idm.run import best_device, open_data_to_score, recognise, require_training_data
    from idm.run.run import require_memory
    from idm.storage.results import results_in
    from idm.tasks.long_jobs import bound_in_parts, load_together, sample_in_parts
    from idm.tasks.parts import remove_parts

    changes = {"name": sampler, "steps": sampler_steps, "spacing": spacing}
    output, source = Output(as_json=as_json), options_to_score(overrides or [], other)
    with ExitStack() as stack:
        with joined_ranks(best_device(device)) as ranks:
            opened = load_together(run, ranks, device=device, trust_code=trust_code).using(precision=precision)
            destination, chosen, data = together(
                lambda: results_folder(out, opened, "evaluated"),
                lambda: opened.sampler(**{key: value for key, value in changes.items() if value is not None}),
                lambda: open_data_to_score(opened, other, source),
            )
            if samples:
                opened.require_classes("--samples")
                require_training_data(data)
                require_memory(samples, opened.spec.shape, "--samples")
            folder = held_by_main(ranks, stack, results_in(destination, NAMES))
            announce(output, folder)
            bound = bound_in_parts(
                opened,
                data,
                destination / BOUND,
                steps=steps,
                num=num,
                seed=seed,
                batch_size=batch_size,
                ranks=ranks,
                progress=True,
            )
            drawn = None
            if samples:
                drawn = sample_in_parts(
                    opened, samples, destination / SAMPLES, sampler=chosen, seed=seed, ranks=ranks, progress=True
                )
        if bound is None or folder is None:
            return
        codec = opened.spec.codec
        about = {
            "checkpoint": str(opened.path),
            "step": opened.step,
            "seed": seed,
            "data": other,
            "levels": codec.levels,
            "grid": codec.grid,
        }
        results: dict[str, Any] = about | _plain(bound)
        if drawn is not None:
            recognised = recognise(opened, data, drawn)
            name = type(chosen).__name__
            results["classifier"] = _plain_recognition(recognised, name, chosen.diffusion.num_timesteps)
        written = folder.put(f"{WHAT} of {opened.path}", lambda place: _write(place, bound, results))
        for name in (BOUND, SAMPLES):
            remove_parts(destination / name)
    _describe(output, bound, results, written, () if other is None else data.held_out.source.remarks)


def _plain(bound: "HeldOutBound") -> dict[str, Any]:
    from idm.likelihood import Estimate

    def pair(estimate: Estimate) -> dict[str, float]:
        return {"mean": estimate.mean, "standard_error": estimate.standard_error}

    vlb = bound.vlb
    terms = [Estimate.of(column) for column in vlb.vb.T]
    return {
        "num": vlb.total_bpd.numel(),
        "steps": len(bound.timesteps),
        "bits_per_dim": {
            "total": pair(bound.total),
            "prior": pair(Estimate.of(vlb.prior_bpd)),
            "steps": pair(Estimate.of(vlb.vb[:, 1:].sum(1))),
            "decoder": pair(Estimate.of(vlb.vb[:, 0])),
            "histogram": None if bound.histogram is None else pair(bound.histogram),
        },
        "terms": {
            "timesteps": bound.timesteps,
            "mean": [term.mean for term in terms],
            "standard_error": [term.standard_error for term in terms],
            "xstart_mse": vlb.xstart_mse.mean(0).tolist(),
            "eps_mse": vlb.mse.mean(0).tolist(),
        },
    }


def _plain_recognition(found: "Recognition", sampler: str, steps: int) -> dict[str, Any]:
    return {
        "sampler": sampler,
        "sampler_steps": steps,
        "num": found.num,
        "samples": {"mean": found.samples.mean, "standard_error": found.samples.standard_error},
        "held_out": {"mean": found.real.mean, "standard_error": found.real.standard_error},
    }


def _write(folder: Path, bound: "HeldOutBound", results: dict[str, Any]) -> dict[str, Path]:
    import json

    from idm.core.files import write_atomically
    from idm.report import bound_by_timestep, png

    terms = results["terms"]
    figure = bound_by_timestep(terms["mean"], terms["standard_error"], bound.timesteps)
    text = json.dumps(finite(results), indent=2, allow_nan=False) + "\n"
    return {
        "results": write_atomically(folder / RESULTS, text.encode(), durable=True),
        "plot": write_atomically(folder / PLOT, png(figure)),
    }


def _describe(
    output: Output, bound: "HeldOutBound", results: dict[str, Any], written: dict[str, Path], remarks: tuple[str, ...]
) -> None:
    bits, found = results["bits_per_dim"], results.get("classifier")
    kind = "sample" if results["data"] else "held-out sample"
    words = {
        "total": f"bits/dim, {counted(results['num'], kind)}, bound of {counted(results['steps'], 'step')}",
        "prior": "left of the data after all noise was added",
        "steps": "all reverse steps but the last",
        "decoder": "the last step, to exact values",
        "histogram": "for comparison: histograms of each value, by class, with 1/2 added to every count",
    }
    grid = "densities in the data's own units" if results["levels"] is None else f"probabilities of {results['grid']}"
    words["total"] += f"; {grid}"
    rows = {
        name: f"{_with_error(bits[name], '.4f')}  {meaning}"
        for name, meaning in words.items()
        if bits[name] is not None
    }
    if found is not None:
        rows["recognised"] = (
            f"{_with_error(found['samples'], '.1%')} of {counted(found['num'], 'sample')} by {found['sampler']}, "
            f"{counted(found['sampler_steps'], 'step')} ({found['held_out']['mean']:.1%} of held-out data)"
        )
    remarks += _remarks(bits["total"]["mean"], results["levels"])
    noted = {"noted": "; ".join(remarks)} if remarks else {}
    output.pairs(noted | rows | {name: str(path) for name, path in written.items()})
    output.finish(**finite(results), **{name: str(path) for name, path in written.items()})


def _with_error(estimate: Mapping[str, float], form: str) -> str:
    """Write a mean and its standard error, which a single sample has not."""
    mean, error = estimate["mean"], estimate["standard_error"]
    return f"{mean:{form}} ± {error:{form}}" if math.isfinite(error) else f"{mean:{form}}"


def _remarks(total: float, levels: int | None) -> tuple[str, ...]:
    """Say where a bound is worse than that of a model which knows nothing: every level as likely as any other."""
    if levels is None or total <= math.log2(levels):
        return ()
    noise = f"{math.log2(levels):.4g}, that of noise with all levels alike"
    return (f"the total is above {noise}; train for longer, or look at the data",)
