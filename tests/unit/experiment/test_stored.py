"""Runs of older versions stay readable."""

import json
from pathlib import Path

import pytest

from idm.experiment import stored_experiment
from idm.training import Checkpoint


@pytest.mark.parametrize(("flag", "levels"), [(False, 0), (True, 3)])
def test_the_flag_for_gradient_checkpointing_becomes_levels(tmp_path: Path, flag: bool, levels: int) -> None:
    network = {"name": "unet", "channel_mult": [1, 2, 2], "use_checkpoint": flag}
    (tmp_path / "experiment.json").write_text(json.dumps({"network": network}), encoding="utf-8")
    options = stored_experiment(Checkpoint(tmp_path)).network.options
    assert options["checkpoint_levels"] == levels
    assert "use_checkpoint" not in options
