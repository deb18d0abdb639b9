"""``idm info``: what a run is."""

from typing import TYPE_CHECKING, Any

from idm.cli.options import Json, RunArgument
from idm.cli.output import Output, print_json

if TYPE_CHECKING:
    from idm.experiment import Run


def info(run: RunArgument, as_json: Json = False) -> None:
    """Show what a run is: data, network, process, sampler, versions."""
    from idm.experiment import load
    from idm.training import Checkpoint
    from idm.training.manifest import damage
    from idm.training.retention import folders

    opened = load(run, device="cpu")
    versions = Checkpoint(opened.path).document("versions")
    damaged = {path.name: problem for path in folders(opened.path.parent.parent) if (problem := damage(path))}
    if as_json:
        print_json(_plain(opened, versions) | {"damaged": damaged})
        return
    Output().pairs(_rows(opened, versions, damaged))


def _rows(run: "Run", versions: dict[str, str], damaged: dict[str, str]) -> dict[str, str]:
    from idm.cli.words import data_in_words, network_in_words, options_in_words, process_in_words
    from idm.experiment import to_plain

    experiment, codec, names = run.experiment, run.spec.codec, run.spec.class_names or ()
    sampler = to_plain(experiment.sampler)
    name, steps = sampler.pop("name"), sampler.pop("steps")
    calibrated = "fitted to the training data" if experiment.diffusion.decoder_variance == "fitted" else "the model's"
    rows = {
        "checkpoint": str(run.path),
        "damaged": ", ".join(f"{name} ({problem})" for name, problem in damaged.items()),
        "step": f"{run.step:,} of {experiment.training.num_steps:,}" if run.step else "unknown",
        "source": options_in_words(to_plain(experiment.data.source)),
        "data": data_in_words(run.spec),
        "fingerprint": run.spec.fingerprint,
        "classes": ", ".join(names[:20]) + (", ..." if len(names) > 20 else ""),
        "range": _range(codec.offset, codec.scale),
        "network": network_in_words(experiment, run.network),
        "": options_in_words({k: v for k, v in to_plain(experiment.network).items() if k != "name"}),
        "process": process_in_words(experiment, run.diffusion),
        "decoder": f"variance of the last step: {calibrated}",
        "sampler": f"{name}, {steps or 'all'} steps, {options_in_words(sampler)}",
        "guidance": "possible" if experiment.training.label_dropout > 0 and names else "not trained for",
        "versions": options_in_words(versions),
    }
    return {key: value for key, value in rows.items() if value}


def _range(offset: tuple[float, ...], scale: tuple[float, ...]) -> str:
    pairs = [f"{low - half:g} to {low + half:g}" for low, half in zip(offset, scale, strict=True)]
    return f"{', '.join(pairs[:4])}{', ...' if len(pairs) > 4 else ''} becomes -1 to 1"


def _plain(run: "Run", versions: dict[str, str]) -> dict[str, Any]:
    from idm.experiment import to_plain
    from idm.networks import num_parameters

    return {
        "checkpoint": run.path,
        "step": run.step,
        "num_parameters": num_parameters(run.network),
        "num_timesteps": run.diffusion.num_timesteps,
        "data": run.spec.to_plain(),
        "experiment": to_plain(run.experiment),
        "versions": versions,
    }
