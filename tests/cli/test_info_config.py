"""What runs and settings there are."""

import json
import shutil

import pytest
import yaml

from idm.cli.commented import commented
from idm.data import Digits
from idm.presets import PRESETS
from idm.settings import Experiment, from_plain, to_plain
from idm.storage.manifest import as_text, make_manifest


def test_info_describes_a_run(idm, run):
    result = idm("info", run)
    text = " ".join(result.out.split())
    assert Digits().fingerprint() in text
    for part in ("120 of 120", "1,500 samples of 1 x 8 x 8", "0 to 16 becomes -1 to 1", "multistep, 4 steps", "torch="):
        assert part in text
    assert result.code == 0


def test_info_for_programs(idm, run):
    info = idm("info", run, "--json").json
    assert info["data"]["num_held_out"] == 297
    assert info["num_parameters"] > 1000
    assert info["data"]["fingerprint"] == Digits().fingerprint()
    assert from_plain(Experiment, info["experiment"]) is not None
    assert info["training"]["step"] == info["training"]["ema_updates"] == 120


def test_info_tells_what_training_goes_on_from(idm, run, tmp_path):
    text = " ".join(idm("info", run).out.split())
    for part in ("(120 updates)", "power-0.05", "the optimiser's moments", "bytes of metrics"):
        assert part in text
    copy = shutil.copytree(run, tmp_path / "copy")
    newest = max((copy / "checkpoints").iterdir())
    document = json.loads((newest / "training.json").read_text())
    document["guard"] = {"skipped": [{"start": 3, "stop": 5}, {"start": 9, "stop": 10}], "rollbacks": 1}
    document["loss_scale"] = {"factor": 1024.0, "good_steps": 3}
    document["memorising_since"] = 40
    write(newest, document)
    text = " ".join(idm("info", copy).out.split())
    for part in (
        "loss scale 1,024",
        "data of 3 steps passed over",
        "1 returns to a checkpoint",
        "memorisation began by step 40",
    ):
        assert part in text
    for wrong in ({"guard": []}, {"memorising_since": [40]}, {"guard": {"skipped": 3}}, {"seconds": "long"}):
        write(newest, document | wrong)
        result = idm("info", copy)
        assert (result.code, len(result.errors)) == (4, 1)


def write(path, document):
    """Put another state of training into a checkpoint, with a manifest that fits."""
    (path / "training.json").write_text(json.dumps(document))
    (path / "manifest.json").unlink()
    (path / "manifest.json").write_text(as_text(make_manifest(path, int(path.name[5:]), None)))


def test_config_lists_every_setting_with_type_default_and_meaning(idm):
    settings = {(row["path"], row["condition"]): row for row in idm("config", "--json").json["settings"]}
    assert settings["training.num_steps", ""]["kind"] == "integer >= 1"
    assert settings["sampler.eta", "sampler.name=ddim"]["default"] == "0.0"
    assert settings["network.width", "network.name=mlp"]["default"] == "128"
    assert settings["schedule.name", ""]["kind"] == "linear | cosine | flow"
    without_meaning = [key for key, row in settings.items() if not row["meaning"] or not row["kind"]]
    assert without_meaning == []


def test_every_setting_of_every_preset_is_listed(idm):
    listed = {row["path"] for row in idm("config", "--json").json["settings"]}

    def paths(plain, above=""):
        for key, value in plain.items():
            yield from paths(value, f"{above}{key}.") if isinstance(value, dict) else [f"{above}{key}"]

    for name in PRESETS:
        assert set(paths(to_plain(PRESETS.build(name, {})))) <= listed


def test_config_for_people_names_settings_and_presets(idm):
    out = idm("config").out
    for part in ("num_steps", "attention_resolutions", "sampler, with sampler.name=ddim", "imagenet64"):
        assert part in out


@pytest.mark.parametrize("width", ["80", "120"])
def test_config_fits_the_terminal(idm, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    assert max(map(len, idm("config").out.splitlines())) <= int(width)


def test_config_of_a_section(idm):
    out = idm("config", "sampler").out
    assert "eta" in out
    assert "num_steps" not in out


def test_config_of_no_section(idm):
    result = idm("config", "trainign")
    assert result.code == 2
    assert "did you mean 'training'?" in result.err


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_saved_and_read_back(idm, name):
    plain = yaml.safe_load(idm("config", "--preset", name).out)
    assert from_plain(Experiment, plain) == from_plain(Experiment, to_plain(PRESETS.build(name, {})))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_each_of_its_settings_means(idm, name):
    lines = idm("config", "--preset", name).out.splitlines()
    settings = {(row["path"], row["condition"]): row for row in idm("config", "--json").json["settings"]}
    sections: list[str] = []
    said = ""
    for line in lines:
        text = line.strip()
        if text.startswith("# "):
            said += f" {text[2:]}"
            continue
        key, _, value = text.partition(":")
        depth = (len(line) - len(line.lstrip())) // 2
        sections = [*sections[:depth], key]
        if value:
            path = ".".join(sections)
            (row,) = {
                row["meaning"]: row
                for (known, condition), row in settings.items()
                if known == path and (not condition or f"name: {condition.partition('=')[2]}" in "\n".join(lines))
            }.values()
            assert said.split() == f"{row['meaning']} ({row['kind']})".split()
        said = ""
    assert max(map(len, lines)) <= 120


def test_values_of_every_kind_are_read_back_from_a_commented_file():
    source = {"name": "custom", "make": "here:Mine: # not a comment", "arguments": {"a": [1, {"b": None}], "c": "né"}}
    plain = {"data": {"source": source}, "training": {"ema_rates": [0.5, 1e-05], "num_steps": 3}}
    assert yaml.safe_load(commented(plain)) == plain


def test_a_section_of_a_preset(idm):
    assert yaml.safe_load(idm("config", "--preset", "digits", "data.source").out) == {
        "data": {"source": {"name": "digits"}}
    }
    assert idm("config", "--preset", "digits", "data.sauce").code == 2
