"""The experiment that a checkpoint holds, written by this version or an older one."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from idm.core.errors import CheckpointError, SettingsError
from idm.networks.attention_stages import is_beyond, stage_of
from idm.run.spec import DataSpec
from idm.settings import Experiment, from_plain, to_plain
from idm.settings.renamed import in_names_of_today
from idm.settings.sampler import FEW_STEPS, FOR_FEW_STEPS, SamplerSettings
from idm.settings.validate import MOST_VALUES
from idm.storage import Checkpoint
from idm.storage.retention import folders

WITHOUT_RANGES: dict[str, Any] = {"range": "type"}
"""What the range of data was before it could be chosen."""

WITHOUT_POWER_FUNCTIONS: dict[str, Any] = {"posthoc_sigma_rels": []}
"""How runs were trained before there were such averages."""

UNFIT = (ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError)
"""What documents that are none of ours make of the code that reads them."""

ONCE_BY_DEFAULT = [4]
"""Where a network attended of which nothing was said, whatever stages it had."""


def stored_experiment(checkpoint: Checkpoint) -> Experiment:
    """Read the experiment of a checkpoint.

    Raises:
        CheckpointError: the file cannot be read.
        SettingsError: settings that this version does not know.
    """
    plain = in_names_of_today(checkpoint.document("experiment"))
    data, network, training, sampler = (plain.get(part, {}) for part in ("data", "network", "training", "sampler"))
    if isinstance(data, dict):
        data = WITHOUT_RANGES | data
    if isinstance(network, dict):  # anything else is refused below
        network = _attention_of_stages(_stages_from_flag(network))
    if isinstance(training, dict):
        training = WITHOUT_POWER_FUNCTIONS | training
    if isinstance(sampler, dict):
        sampler = _few_steps_of(sampler)
    sections = {"data": data, "network": network, "training": training, "sampler": sampler}
    return from_plain(Experiment, plain | sections)


def started_experiment(run_folder: Path) -> Experiment | None:
    """Read what the run in a folder was started with, from its newest checkpoint that can be read; None: no run there.

    The checkpoint is not verified, which takes long where it is large; training does so before it goes on.
    """
    for path in reversed(folders(run_folder)):
        with suppress(CheckpointError, SettingsError):
            return stored_experiment(Checkpoint(path))
    return None


def experiment_to_continue(checkpoint: Checkpoint) -> Experiment:
    """Read the experiment of a checkpoint that training goes on from.

    Raises:
        CheckpointError: the file cannot be read, or holds settings that this version does not know.
    """
    try:
        return stored_experiment(checkpoint)
    except SettingsError as error:
        raise CheckpointError(
            f"checkpoint {checkpoint.path}: its settings are not readable by this version ({'; '.join(error.lines)})"
        ) from error


def stored_spec(checkpoint: Checkpoint) -> DataSpec:
    """Read what a checkpoint says of its data.

    Raises:
        CheckpointError: the file cannot be read, or says something else.
    """
    try:
        return DataSpec.from_plain(checkpoint.document("data"))
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"checkpoint {checkpoint.path}: data.json is not readable by this version ({error})"
        ) from error


def _stages_from_flag(network: dict[str, Any]) -> dict[str, Any]:
    """Gradient checkpointing was once a flag for all stages."""
    if "use_checkpoint" not in network:
        return network
    rest = {name: value for name, value in network.items() if name != "use_checkpoint"}
    return rest | {"checkpoint_stages": len(rest.get("channel_mult", ())) if network["use_checkpoint"] else 0}


def _few_steps_of(sampler: dict[str, Any]) -> dict[str, Any]:
    """Before few steps had a sampler of their own, DDIM without options was what a run had if nobody chose another.

    The few steps of a run that has such a number itself are still taken by it.
    """
    usual, steps = to_plain(SamplerSettings()), sampler.get("steps", SamplerSettings.steps)
    is_chosen = any(value != usual.get(name) for name, value in sampler.items() if name != "steps")
    has_few = isinstance(steps, int) and 0 < steps <= FEW_STEPS
    return sampler if is_chosen or has_few or "few_steps" in sampler else {"few_steps": FOR_FEW_STEPS} | sampler


def _attention_of_stages(network: dict[str, Any]) -> dict[str, Any]:
    """Leave out attention at no stage, which was once allowed and did nothing: the network is the same without."""
    multiples, factors = network.get("channel_mult"), network.get("attention_resolutions", ONCE_BY_DEFAULT)
    if not isinstance(multiples, list) or not isinstance(factors, list) or len(factors) > MOST_VALUES:
        return network  # checked later
    if not all(type(one) is int for one in factors):
        return network  # checked later
    if is_beyond(factors) and "attention_resolutions" in network:
        return network  # still allowed
    kept = [factor for factor in dict.fromkeys(factors) if stage_of(factor, len(multiples)) is not None]
    return network | {"attention_resolutions": kept}
