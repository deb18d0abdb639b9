"""Runs of older versions stay readable."""

import json
from pathlib import Path

import pytest

from idm.core.errors import CheckpointError, SettingsError
from idm.run import DataSpec, stored_experiment
from idm.run.stored import experiment_to_continue, stored_spec
from idm.storage import Checkpoint


@pytest.mark.parametrize(("flag", "stages"), [(False, 0), (True, 3)])
def test_the_flag_for_gradient_checkpointing_becomes_stages(tmp_path: Path, flag: bool, stages: int) -> None:
    network = {"name": "unet", "channel_mult": [1, 2, 2], "use_checkpoint": flag}
    (tmp_path / "experiment.json").write_text(json.dumps({"network": network}), encoding="utf-8")
    options = stored_experiment(Checkpoint(tmp_path)).network.options
    assert options.checkpoint_stages == stages
    assert "use_checkpoint" not in vars(options)


def test_a_setting_that_had_another_name_is_read_by_it(tmp_path: Path) -> None:
    network = {"name": "unet", "channel_mult": [1, 2, 2], "checkpoint_levels": 2}
    (tmp_path / "experiment.json").write_text(json.dumps({"network": network}), encoding="utf-8")
    assert stored_experiment(Checkpoint(tmp_path)).network.options.checkpoint_stages == 2


@pytest.mark.parametrize(
    ("stored", "read"), [([16, 8], []), ([2, 2, 3, 0, -2], [2]), ([1, 2, 4], [1, 2, 4]), (None, [4])]
)
def test_attention_at_no_stage_which_did_nothing_is_left_out_of_stored_networks(
    tmp_path: Path, stored: list[int] | None, read: list[int]
) -> None:
    network = {"name": "unet", "channel_mult": [1, 2, 2]}
    network |= {} if stored is None else {"attention_resolutions": stored}
    (tmp_path / "experiment.json").write_text(json.dumps({"network": network}), encoding="utf-8")
    assert stored_experiment(Checkpoint(tmp_path)).network.options.attention_resolutions == tuple(read)


def test_a_stored_network_of_which_no_attention_was_told_keeps_that_of_its_time(tmp_path: Path) -> None:
    network = {"name": "unet", "channel_mult": [1, 2]}
    (tmp_path / "experiment.json").write_text(json.dumps({"network": network}), encoding="utf-8")
    assert stored_experiment(Checkpoint(tmp_path)).network.options.attention_resolutions == ()


@pytest.mark.parametrize("section", ["network", "training", "diffusion"])
@pytest.mark.parametrize("content", [[1], "text", 3, None])
def test_sections_that_are_none_are_refused_by_name(tmp_path: Path, section: str, content: object) -> None:
    (tmp_path / "experiment.json").write_text(json.dumps({section: content}), encoding="utf-8")
    with pytest.raises(SettingsError, match=f"{section}: a group of settings wanted"):
        stored_experiment(Checkpoint(tmp_path))


CODEC = {"dtype": "uint8", "levels": 17, "offset": [8.0], "scale": [8.0], "bounded": True}
PLACE = {"kind": "nifti", "affine": [1.0] * 16, "code": 0, "length": "mm", "time": "sec", "packed": True}
AXIS = {"name": "t", "attributes": {}, "size": 0, "values": None}
FIELD = {"kind": "netcdf", "variables": [AXIS], "channel_axes": [], "space": []}
SPEC = {"shape": [1, 8, 8], "codec": CODEC, "class_names": ["0", "1"], "num_train": 5, "num_held_out": 1}


def test_a_description_of_data_without_what_came_later_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(SPEC), encoding="utf-8")
    spec = stored_spec(Checkpoint(tmp_path))
    assert (spec.shape, spec.num_classes, spec.layout, spec.fingerprint) == ((1, 8, 8), 2, "first", "")
    assert spec.metadata is None
    assert DataSpec.from_plain(json.loads(json.dumps(spec.to_plain()))) == spec


@pytest.mark.parametrize(
    "changes",
    [
        *({"shape": value} for value in ([], [0, 8], ["1", 8], [1.0, 8], 8, "ab")),
        *({"num_train": value} for value in (-1, "5", None, 2.5)),
        *({"class_names": value} for value in ([1, 2], 3)),
        *({name: value} for name in ("layout", "fingerprint", "held_out_hash") for value in (3, [], {})),
        {"layout": "middle"},
        *({"codec": {**CODEC, "offset": value}} for value in ([], ["a"], [[1.0]], 3, [1.0, 2.0], [float("inf")])),
        *({"codec": {**CODEC, "scale": value}} for value in ([0.0], [-1.0], [float("nan")], None)),
        *({"codec": {**CODEC, "dtype": value}} for value in ("object", "U3", "no", 7, {})),
        *({"codec": {**CODEC, "levels": value}} for value in (1, "17", 17.0, [17], True)),
        {"codec": {**CODEC, "offset": [8.0, 8.0], "scale": [8.0, 8.0]}},
        {"codec": []},
        *({"metadata": value} for value in ([], "nifti", {"kind": 3}, {"kind": "nifti"}, {"kind": "netcdf"})),
        *({"metadata": {**PLACE, **part}} for part in ({"affine": [[1]]}, {"affine": [10**400] * 16}, {"time": []})),
        *({"metadata": {**FIELD, "space": value}} for value in (None, 3, "ab", [3], [{}], {}, [[[]]])),
        *({"metadata": {**FIELD, "variables": value}} for value in ([], [None], [{**AXIS, "attributes": 3}])),
    ],
)
def test_what_is_no_description_of_data_is_refused_in_a_line(tmp_path: Path, changes: dict[str, object]) -> None:
    (tmp_path / "data.json").write_text(json.dumps(SPEC | changes), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"data\.json is not readable by this version") as error:
        stored_spec(Checkpoint(tmp_path))
    assert len(error.value.lines) == 1


def test_training_does_not_go_on_from_settings_that_are_not_readable(tmp_path):
    (tmp_path / "experiment.json").write_text('{"network": 3}')
    with pytest.raises(CheckpointError, match="network: a group of settings wanted, got 3") as error:
        experiment_to_continue(Checkpoint(tmp_path))
    assert len(error.value.lines) == 1
