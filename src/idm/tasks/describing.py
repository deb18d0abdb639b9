"""What a run is: its data, network, process, sampler, and what its training goes on from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idm.core.errors import CheckpointError
from idm.data.remarks import listed
from idm.run import Run, load
from idm.settings import to_plain
from idm.storage import Checkpoint
from idm.storage.fits import names_in
from idm.storage.manifest import damage
from idm.storage.retention import folders as checkpoints_in
from idm.tasks.initial import Origin
from idm.tasks.words import (
    data_in_words,
    network_in_words,
    options_in_words,
    origin_in_words,
    process_in_words,
    without_folders,
)
from idm.training.memorisation import SINCE

AVERAGES = ("ema-", "power-")
"""How the files of averages begin."""

MOST_CLASSES = 20
"""Most classes that are named."""


@dataclass(frozen=True, eq=False)
class Description:
    """What a run is.

    Attributes:
        run: the run, opened.
        checkpoint: what it was read from.
        damaged: problems of its other checkpoints, by name.
        origin: where its weights began; None: they were random.
    """

    run: Run
    checkpoint: Checkpoint
    damaged: dict[str, str]
    origin: Origin | None

    @property
    def versions(self) -> dict[str, Any]:
        """Versions of what wrote the checkpoint; of imported weights also the file they are from."""
        return self.checkpoint.document("versions")

    @property
    def fits(self) -> dict[str, str]:
        """What was found out about the checkpoint after training: kinds, by name."""
        found = ((name, self.run.fits.find(name)) for name in names_in(self.run.folder))
        return {name: fit.kind for name, fit in found if fit is not None}

    def to_plain(self) -> dict[str, Any]:
        """Return values by name, as ``idm info --json`` prints them."""
        run, checkpoint = self.run, self.checkpoint
        return {
            "checkpoint": run.name,
            "step": run.step,
            "num_parameters": run.num_parameters,
            "num_timesteps": run.diffusion.num_timesteps,
            "data": run.spec.to_plain(),
            "experiment": to_plain(run.experiment),
            "training": checkpoint.document("training") if checkpoint.has("optimizer") else None,
            "origin": None if self.origin is None else self.origin.to_plain(),
            "versions": self.versions,
            "damaged": self.damaged,
            "fits": self.fits,
        }

    def in_words(self, *, folders: bool = True) -> dict[str, str]:
        """Return what ``idm info`` shows, by name.

        Args:
            folders: whether paths have their folders, as of ``without_folders``.

        Raises:
            CheckpointError: the state of training is none.
        """
        seen: Callable[[Any], Any] = _as_is if folders else without_folders
        run, experiment = self.run, self.run.experiment
        sampler, network = to_plain(run.sampler_settings({})), seen(to_plain(experiment.network))
        name, steps = sampler.pop("name"), sampler.pop("steps")
        told = run.spec.label_kind.is_told
        fitted = experiment.diffusion.decoder_variance == "fitted"
        decoder = "fitted to the training data" if fitted else "the model's"
        rows = {
            "checkpoint": str(run.name) if folders else run.name.name,
            "damaged": ", ".join(f"{name} ({problem})" for name, problem in self.damaged.items()),
            "step": f"{run.step:,} of {experiment.training.num_steps:,}" if run.step else "unknown",
            **_data_in_words(run, seen),
            "network": network_in_words(experiment, run.network),
            "": options_in_words({option: value for option, value in network.items() if option != "name"}),
            "process": process_in_words(experiment, run.diffusion),
            "decoder": f"variance of the last step: {decoder}",
            "sampler": f"{name}, {steps or 'all'} steps, {options_in_words(sampler)}",
            **_training_in_words(self.checkpoint),
            "fits": ", ".join(self.fits),
            "guidance": "possible" if experiment.training.label_dropout > 0 and told else "not trained for",
            "began as": "" if self.origin is None else origin_in_words(Origin(**seen(self.origin.to_plain()))),
            "versions": options_in_words(seen(self.versions)),
        }
        return {key: value for key, value in rows.items() if value}


def describe(run_folder: str | Path, *, trust_code: bool = False) -> Description:
    """Open a run, and read what is known of it.

    Args:
        run_folder: a run folder, or one checkpoint.
        trust_code: import and call what a custom network names; see ``load``.

    Raises:
        CheckpointError: no run there, or a damaged one.
    """
    return describe_opened(load(run_folder, device="cpu", trust_code=trust_code))


def describe_opened(run: Run) -> Description:
    """Read what is known of a run that was opened; errors as of ``describe``."""
    checkpoint = Checkpoint(run.name)
    damaged = {path.name: problem for path in checkpoints_in(run.folder) if (problem := damage(path))}
    return Description(run, checkpoint, damaged, Origin.of(checkpoint))


def _as_is(plain: Any) -> Any:
    return plain


def _data_in_words(run: Run, seen: Callable[[Any], Any]) -> dict[str, str]:
    """Say what a run was trained on, with settings as they are ``seen``."""
    spec, settings = run.spec, run.experiment.data
    codec, names = spec.codec, spec.class_names or ()
    return {
        "source": options_in_words(seen(to_plain(settings.source))),
        "conditions": options_in_words(seen(to_plain(settings.condition))) if spec.condition else "",
        "data": data_in_words(spec),
        "fingerprint": spec.fingerprint,
        "channels": listed(spec.channel_names or ()),
        "sampling rate": f"{spec.sampling_rate:,g} Hz" if spec.sampling_rate else "",
        "classes": ", ".join(names[:MOST_CLASSES]) + (", ..." if len(names) > MOST_CLASSES else ""),
        "range": f"{codec.extent} becomes -1 to 1" + (", what lies beyond is clipped" if codec.clip else ""),
    }


def _training_in_words(checkpoint: Checkpoint) -> dict[str, str]:
    """Say what training goes on from; of imported weights there is nothing to say.

    Raises:
        CheckpointError: the state of training is none.
    """
    try:
        return _state_in_words(checkpoint) if checkpoint.has("optimizer") else {}
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"checkpoint {checkpoint.path}: training.json holds other things than counts") from error


def _state_in_words(checkpoint: Checkpoint) -> dict[str, str]:
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
    since = state.get(SINCE)
    return {
        "averages": ", ".join(averages) + updates,
        "training": ", ".join(filter(None, words)),
        "memorisation": "" if since is None else f"began by step {since:,}",
    }
