"""``idm info``: what a run is."""

from typing import TYPE_CHECKING, Any

from idm.cli.options import Json, RunArgument, TrustCode
from idm.cli.output import Output, print_json
from idm.core.errors import CheckpointError

if TYPE_CHECKING:
    from idm.run import Run
    from idm.storage import Checkpoint

AVERAGES = ("ema-", "power-")
"""How the files of averages begin."""


def info(run: RunArgument, trust_code: TrustCode = False, as_json: Json = False) -> None:
    """Show what a run is: data, network, process, sampler, versions."""
    from idm.run import load
    from idm.storage import Checkpoint
    from idm.storage.manifest import damage
    from idm.storage.retention import folders

    opened = load(run, device="cpu", trust_code=trust_code)
    versions = Checkpoint(opened.name).document("versions")
    damaged = {path.name: problem for path in folders(opened.folder) if (problem := damage(path))}
    if as_json:
        print_json(_plain(opened, versions) | {"damaged": damaged})
        return
    Output().pairs(_rows(opened, versions, damaged))


def _rows(run: "Run", versions: dict[str, Any], damaged: dict[str, str]) -> dict[str, str]:
    from idm.settings import to_plain
    from idm.storage import Checkpoint
    from idm.tasks.initial import Origin
    from idm.tasks.words import data_in_words, network_in_words, options_in_words, origin_in_words, process_in_words

    origin = Origin.of(Checkpoint(run.name))

    experiment, codec, names = run.experiment, run.spec.codec, run.spec.class_names or ()
    sampler = to_plain(experiment.sampler)
    name, steps = sampler.pop("name"), sampler.pop("steps")
    calibrated = "fitted to the training data" if experiment.diffusion.decoder_variance == "fitted" else "the model's"
    rows = {
        "checkpoint": str(run.name),
        "damaged": ", ".join(f"{name} ({problem})" for name, problem in damaged.items()),
        "step": f"{run.step:,} of {experiment.training.num_steps:,}" if run.step else "unknown",
        "source": options_in_words(to_plain(experiment.data.source)),
        "data": data_in_words(run.spec),
        "fingerprint": run.spec.fingerprint,
        "classes": ", ".join(names[:20]) + (", ..." if len(names) > 20 else ""),
        "range": f"{codec.extent} becomes -1 to 1" + (", what lies beyond is clipped" if codec.clip else ""),
        "network": network_in_words(experiment, run.network),
        "": options_in_words({k: v for k, v in to_plain(experiment.network).items() if k != "name"}),
        "process": process_in_words(experiment, run.diffusion),
        "decoder": f"variance of the last step: {calibrated}",
        "sampler": f"{name}, {steps or 'all'} steps, {options_in_words(sampler)}",
        **_training_in_words(Checkpoint(run.name)),
        "guidance": "possible" if experiment.training.label_dropout > 0 and names else "not trained for",
        "began as": "" if origin is None else origin_in_words(origin),
        "versions": options_in_words(versions),
    }
    return {key: value for key, value in rows.items() if value}


def _training_in_words(checkpoint: "Checkpoint") -> dict[str, str]:
    """Say what training goes on from; of imported weights there is nothing to say.

    Raises:
        CheckpointError: the state of training is none.
    """
    try:
        return _state_in_words(checkpoint) if checkpoint.has("optimizer") else {}
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"checkpoint {checkpoint.path}: training.json holds other things than counts") from error


def _state_in_words(checkpoint: "Checkpoint") -> dict[str, str]:
    state = checkpoint.document("training")
    averages = sorted(file.stem for file in checkpoint.path.glob("*.safetensors") if file.stem.startswith(AVERAGES))
    guard, scale = state.get("guard", {}), state.get("loss_scale", {})
    passed = sum(window["stop"] - window["start"] for window in guard.get("skipped", []))
    words = [
        f"{state.get('seconds', 0.0):,.0f} s so far",
        "the optimiser's moments",
        "losses by t" if checkpoint.tensors("timesteps") else "",
        f"loss scale {scale['factor']:,.0f}" if scale else "",
        f"data of {passed:,} steps passed over" if passed else "",
        f"{guard['rollbacks']:,} returns to a checkpoint without getting further" if guard.get("rollbacks") else "",
        f"{state.get('metrics_length', 0):,} bytes of metrics",
    ]
    updates = f" ({state.get('ema_updates', 0):,} updates)"
    return {"averages": ", ".join(averages) + updates, "training": ", ".join(filter(None, words))}


def _plain(run: "Run", versions: dict[str, Any]) -> dict[str, Any]:
    from idm.settings import to_plain
    from idm.storage import Checkpoint
    from idm.tasks.initial import Origin

    checkpoint = Checkpoint(run.name)
    origin = Origin.of(checkpoint)
    return {
        "checkpoint": run.name,
        "step": run.step,
        "num_parameters": run.num_parameters,
        "num_timesteps": run.diffusion.num_timesteps,
        "data": run.spec.to_plain(),
        "experiment": to_plain(run.experiment),
        "training": checkpoint.document("training") if checkpoint.has("optimizer") else None,
        "origin": None if origin is None else origin.to_plain(),
        "versions": versions,
    }
