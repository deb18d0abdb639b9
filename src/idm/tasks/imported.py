"""Published weights of improved-diffusion, turned into a run that can be sampled and scored."""

import platform
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from idm.core.errors import CheckpointError, SettingsError
from idm.core.places import usable_folder
from idm.data import Codec
from idm.interop.openai import NUM_CLASSES, complete_flags, unet_options
from idm.interop.weights import locate_weights, refuse_other_weights, usable
from idm.run import DataSpec, Run, build_diffusion, load
from idm.run.build import untried_network
from idm.schedules import SPACINGS, space_timesteps
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.sampler import FOR_FEW_STEPS
from idm.storage import Checkpoint, save_checkpoint
from idm.storage.lock import locked
from idm.storage.retention import folders
from idm.tasks.flag_file import read_flags
from idm.training import ema_name

GIVEN_BY_DATA = ("in_channels", "out_channels", "num_classes", "num_attributes", "dims", "condition_channels")


def experiment_from_flags(flags: Mapping[str, Any]) -> Experiment:
    """Translate improved-diffusion's image flags; those that are not given have the scripts' defaults.

    Raises:
        SettingsError: unknown flags, values that make no model, or super-resolution flags.
    """
    full = complete_flags(flags)
    if "large_size" in full:
        raise SettingsError(
            "flags.large_size: the flags of an image model wanted, got those of super-resolution; "
            "idm.interop.openai.unet_from_flags builds its network in Python"
        )
    network = {key: value for key, value in unet_options(full).items() if key not in GIVEN_BY_DATA}
    plain = {
        "data": {
            "source": {"name": "image_folder", "path": "", "image_size": full["image_size"]},
            "held_out": 0,
            "class_conditional": full["class_cond"],
        },
        "schedule": {
            "name": full["noise_schedule"],
            "noise_floor": 0.0,
            "num_timesteps": full["diffusion_steps"],
        },
        "diffusion": _diffusion(full),
        "network": {"name": "unet", **network},
        "training": {"ema_rates": [0.9999], "clip_grad_norm": 0.0},
        "sampler": _sampler(full),
    }
    return from_plain(Experiment, plain)


def _diffusion(full: Mapping[str, Any]) -> dict[str, Any]:
    fixed = "fixed_small" if full["sigma_small"] else "fixed_large"
    rescaled = "rescaled_mse" if full["rescale_learned_sigmas"] else "mse"
    return {
        "prediction": "start_x" if full["predict_xstart"] else "epsilon",
        "variance": "learned_range" if full["learn_sigma"] else fixed,
        "loss": "rescaled_kl" if full["use_kl"] else rescaled,  # use_kl wins, as in the scripts
        "rescale_timesteps": full["rescale_timesteps"],
        "decoder_variance": "model",
    }


def _sampler(full: Mapping[str, Any]) -> dict[str, Any]:
    """Sample on the steps of ``timestep_respacing``, by the named spacing that gives them."""
    spec, total = str(full["timestep_respacing"]), int(full["diffusion_steps"])
    name = "ddim" if spec.startswith("ddim") else "ddpm"
    if not spec:
        return {"name": name, "steps": 0, "few_steps": FOR_FEW_STEPS}
    count, spacing = len(space_timesteps(total, spec)), _spacing(total, spec)
    if spacing is None:
        nearest = sorted(range(1, total + 1), key=lambda n: abs(n - count))
        near = next(n for n in nearest if _spacing(total, str(n)) is not None)
        raise SettingsError(
            f"flags.timestep_respacing: steps that {' or '.join(SPACINGS)} gives wanted, got '{spec}'; "
            f"set it to '{near}', or to '' and choose the steps of every sampling (steps=N)"
        )
    return {"name": name, "steps": count, "spacing": spacing}


def _spacing(total: int, spec: str) -> str | None:
    """Name of the spacing that gives exactly the steps of a specification; None if there is none."""
    steps = sorted(space_timesteps(total, spec))
    return next((name for name in SPACINGS if SPACINGS[name](total, len(steps)) == steps), None)


def spec_from_flags(flags: Mapping[str, Any]) -> DataSpec:
    """Describe the data of an image model: 8-bit RGB, with the scripts' 1,000 classes if it has any."""
    full = complete_flags(flags)
    size = full["image_size"]
    names = tuple(str(label) for label in range(NUM_CLASSES)) if full["class_cond"] else None
    return DataSpec((3, size, size), Codec.quantized("uint8", 256), names, 0, 0)


def import_weights(weights: str | Path, flags: Mapping[str, Any] | str | Path, run_folder: str | Path) -> Run:
    """Write a run with one checkpoint that holds published weights.

    Args:
        weights: a .pt or .safetensors file of improved-diffusion's network; see ``locate_weights`` for what may be
            around it.
        flags: the flags it was trained with, or a JSON file of them.
        run_folder: the folder to write.

    Raises:
        SettingsError: flags that make no model, or a file that holds none.
        CheckpointError: weights that cannot be read or do not fit the flags, or a run in the folder.
        NumericalError: weights that are not finite.
    """
    if not isinstance(flags, Mapping):
        given = read_flags(Path(flags))
        try:
            return import_weights(weights, given, run_folder)
        except SettingsError as error:
            raise type(error)(*(f"flags={flags}: {line}" for line in error.lines)) from error
    weights, run_folder = Path(weights), Path(run_folder)
    experiment, spec = experiment_from_flags(flags), spec_from_flags(flags)
    if folders(run_folder):
        raise CheckpointError(f"run {run_folder}: a new folder wanted, got one that holds a run; choose another")
    with usable_folder(run_folder), locked(run_folder):
        return _import(weights, experiment, spec, run_folder)


def imported_entry(run: Run) -> str | None:
    """Say what of a file with several state dicts the weights of an imported run were; None where it held one alone."""
    return Checkpoint(run.name).document("versions").get("imported_entry")


def _import(weights: Path, experiment: Experiment, spec: DataSpec, run_folder: Path) -> Run:
    """Write the run; see ``import_weights``."""
    found = locate_weights(weights)
    diffusion = build_diffusion(experiment, spec)
    with torch.device("meta"):  # flags may describe what memory does not hold
        network = untried_network(experiment, spec, diffusion.out_channels(spec.shape[0]))
    refuse_other_weights(weights, found.tensors, network.state_dict())
    tensors = usable(weights, found.tensors)
    numbered = re.search(r"_(\d{3,8})$", weights.stem)  # ema_0.9999_500000.pt
    step = int(numbered.group(1)) if numbered else 0
    experiment = replace(experiment, training=replace(experiment.training, num_steps=max(step, 1)))
    checkpoint = save_checkpoint(
        run_folder,
        step,
        tensors={ema_name(experiment.training.ema_rates[0]): tensors},
        documents={
            "training": {"step": step},
            "experiment": to_plain(experiment),
            "data": spec.to_plain(),
            "calibration": {},
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "imported_from": weights.name,
                **({"imported_entry": found.note} if found.note else {}),
            },
        },
    )
    return load(checkpoint.path, device="cpu")
