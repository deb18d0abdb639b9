"""Bad input: one line per wrong value, the exit code of its kind, and nothing written."""

import numpy as np
import pytest
from PIL import Image

from idm.cli import app

SETTINGS, DATA, RUN = 2, 3, 4


def assert_refused(result, code, *patterns):
    assert result.code == code, result.err
    assert len(result.errors) == len(patterns), result.err
    assert result.err.splitlines() == result.errors, "nothing but the errors is on standard error"
    for line, pattern in zip(result.errors, patterns, strict=True):
        assert line.startswith("error[E")
        assert pattern in line


WRONG_TRAINING = {
    "misspelt setting": (
        ["training.num_stpes=3"],
        ["training.num_stpes: no such setting; did you mean 'training.num_steps'"],
    ),
    "unknown sampler": (["sampler.name=ddmp"], ["sampler.name: unknown name 'ddmp'; did you mean 'ddpm'"]),
    "eta out of range": (["sampler.eta=3"], ["sampler.eta: a number from 0"]),
    "linear schedule of 10 steps": (
        ["schedule.name=linear", "schedule.num_timesteps=10"],
        ["schedule.num_timesteps: the linear schedule needs at least 21 steps"],
    ),
    "word for a number": (["network.model_channels=wide"], ["network.model_channels: should be a valid integer"]),
    "no prediction": (["diffusion.prediction=epsilom"], ["did you mean 'epsilon'"]),
    "heads that do not divide": (["network.num_heads=3"], ["num_heads"]),
    "network for points": (["network.name=mlp"], ["network.name"]),
    "not an override": (["training.num_steps"], ["PATH=VALUE wanted"]),
    "more steps than there are": (["sampler.steps=2000"], ["sampler.steps: a number from 1 to"]),
    "no rate": (["training.ema_rates=[]"], ["training.ema_rates: "]),
    "one rate twice": (["training.ema_rates=0.9,0.9"], ["training.ema_rates: different rates wanted"]),
    "three at once": (
        ["training.num_stpes=3", "sampler.name=ddmp", "seed=x"],
        ["seed: ", "training.num_stpes", "sampler.name"],
    ),
}


@pytest.mark.parametrize(("settings", "patterns"), WRONG_TRAINING.values(), ids=WRONG_TRAINING.keys())
def test_wrong_settings(idm, tmp_path, settings, patterns):
    options = [part for setting in settings for part in ("--set", setting)]
    assert_refused(idm("train", "--preset", "digits", "--out", tmp_path / "run", *options), SETTINGS, *patterns)
    assert not (tmp_path / "run").exists()


def test_nothing_to_train_on(idm, tmp_path):
    assert_refused(idm("train", "--out", tmp_path / "run"), SETTINGS, "--preset NAME, --data PATH")


def test_unknown_preset(idm, tmp_path):
    result = idm("train", "--preset", "digit", "--out", tmp_path / "run")
    assert_refused(result, SETTINGS, "preset: unknown name 'digit'; did you mean 'digits'?")


def test_preset_of_data_that_are_not_there(idm, tmp_path):
    assert_refused(idm("train", "--preset", "cifar10", "--out", tmp_path / "run"), DATA, "give it with --data PATH")


def test_more_held_out_than_there_is(idm, tmp_path):
    result = idm("train", "--preset", "digits", "--out", tmp_path / "run", "--set", "data.held_out=1797")
    assert_refused(result, DATA, "data.held_out: fewer than the 1797 samples there are wanted, got 1797")


def test_what_is_not_finite_is_no_setting(idm, tmp_path):
    result = idm("train", "--preset", "digits", "--out", tmp_path / "run", "--set", "data.held_out=.inf")
    assert_refused(result, SETTINGS, "data.held_out: should be a finite number, got inf")


def test_typing_errors_in_a_settings_file(idm, tmp_path):
    (tmp_path / "mine.yaml").write_text("training: {num_stpes: 3, batch_size: 0}\nsampler: {name: ddim, etta: 0.1}\n")
    result = idm("train", tmp_path / "mine.yaml", "--out", tmp_path / "run")
    assert_refused(result, SETTINGS, "training.num_stpes", "training.batch_size", "did you mean 'sampler.eta'?")


def test_missing_or_damaged_settings_file(idm, tmp_path):
    assert_refused(
        idm("train", tmp_path / "none.yaml", "--out", tmp_path / "run"), SETTINGS, "none.yaml: cannot be read"
    )
    (tmp_path / "odd.yaml").write_text("a: [1,\n")
    assert_refused(idm("train", tmp_path / "odd.yaml", "--out", tmp_path / "run"), SETTINGS, "odd.yaml: not valid")


def test_empty_folder(idm, tmp_path):
    (tmp_path / "empty").mkdir()
    result = idm("train", "--data", tmp_path / "empty", "--out", tmp_path / "run")
    assert_refused(result, DATA, "0 images")
    assert not (tmp_path / "run").exists()


def test_no_folder(idm, tmp_path):
    assert_refused(idm("train", "--data", tmp_path / "none", "--out", tmp_path / "run"), DATA, "nothing there")


def save_images(folder, count=4, mode="L"):
    folder.mkdir()
    for i in range(count):
        Image.effect_noise((8, 8), 60).convert(mode).save(folder / f"{i}.png")


def test_wrong_channels(idm, tmp_path):
    save_images(tmp_path / "images")
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "9.png")
    result = idm("train", "--data", tmp_path / "images", "--out", tmp_path / "run")
    assert_refused(result, DATA, "9.png: 8-bit grey wanted as in 0.png, got 8-bit RGB")
    assert not (tmp_path / "run").exists()


def test_truncated_png(idm, tmp_path):
    save_images(tmp_path / "images")
    whole = (tmp_path / "images" / "2.png").read_bytes()
    (tmp_path / "images" / "2.png").write_bytes(whole[: len(whole) * 2 // 3])
    result = idm("train", "--data", tmp_path / "images", "--out", tmp_path / "run")
    assert_refused(result, DATA, "2.png: cannot be read as an image")
    assert not (tmp_path / "run").exists()


def test_array_that_cannot_be_told_apart(idm, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((5, 7, 9, 11), dtype=np.float32))
    assert_refused(
        idm("train", "--data", tmp_path / "x.npy", "--out", tmp_path / "run"), DATA, "data.source.channels: cannot tell"
    )


@pytest.mark.parametrize("verb", ["sample", "info", "evaluate"])
def test_missing_run(idm, tmp_path, verb):
    assert_refused(idm(verb, tmp_path / "none"), RUN, "none: no such folder")


def test_folder_without_a_run(idm, tmp_path):
    assert_refused(idm("sample", tmp_path), RUN, "it holds no checkpoint")


WRONG_SAMPLING = {
    "unknown sampler": (["--sampler", "ddmp"], ["sampler.name: unknown name 'ddmp'; did you mean 'ddpm'?"]),
    "eta": (["--eta", "3"], ["eta: a number from 0"]),
    "eta by --set": (["--set", "eta=3"], ["eta: a number from 0"]),
    "eta with its section": (["--set", "sampler.eta=3"], ["eta: a number from 0"]),
    "misspelt option": (["--set", "etta=0.3"], ["did you mean 'sampler.eta'?"]),
    "label": (
        ["--labels", "11"],
        [
            "labels: one of the 10 classes",
        ],
    ),
    "two labels": (["--labels", "11,3,cat"], ["got '11'", "got 'cat'"]),
    "too many steps": (["--steps", "99"], ["sampler.steps: a number from 1 to"]),
    "everything": (["--sampler", "ddmp", "--labels", "11"], ["sampler.name", "labels"]),
    "device": (["--device", "abacus"], ["device: one that works here"]),
}


@pytest.mark.parametrize(("options", "patterns"), WRONG_SAMPLING.values(), ids=WRONG_SAMPLING.keys())
def test_wrong_sampling(idm, run, tmp_path, options, patterns):
    assert_refused(idm("sample", run, "--out", tmp_path / "out", *options), SETTINGS, *patterns)
    assert not (tmp_path / "out").exists()


def test_results_do_not_replace_a_file(idm, run, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert_refused(idm("sample", run, "--out", tmp_path / "out"), SETTINGS, "a folder wanted, got the file")
    assert (tmp_path / "out").read_text() == "mine"


def test_unknown_verb(idm):
    assert_refused(idm("sampel", "x"), SETTINGS, "unknown command 'sampel'; did you mean 'sample'?")
    assert_refused(idm("xyzzy"), SETTINGS, "choose from demo, train")


def test_unknown_option(idm):
    assert_refused(idm("sample", "x", "--sede", "3"), SETTINGS, "no such option: --sede (did you mean --seed")
    asked = idm("train", "--preset", "digits", "--num-steps", "3")
    assert_refused(
        asked, SETTINGS, "no such option: --num-steps; --set knows training.num_steps=…; see 'idm train --help'"
    )
    assert_refused(idm("train", "--learning_rate", "1"), SETTINGS, "--set knows training.learning_rate=…")


@pytest.mark.parametrize(
    "arguments", [["sample", "x", "--num", "0"], ["sample", "x", "--num", "many"], ["info", "a", "b"]]
)
def test_usage(idm, arguments):
    assert_refused(idm(*arguments), SETTINGS, f"see 'idm {arguments[0]} --help'")


def test_debug_adds_the_traceback(idm, tmp_path):
    plain, debug = idm("sample", tmp_path), idm("sample", tmp_path, "--debug")
    assert debug.code == plain.code == RUN
    assert "Traceback" in debug.err
    assert debug.errors == plain.errors


def test_internal_errors_exit_with_70_and_a_traceback(idm, monkeypatch):
    def broken() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setitem(app.VERBS, "config", broken)
    result = idm("config")
    assert result.code == 70
    assert "Traceback" in result.err
    assert len(result.errors) == 1


def test_interruption_exits_with_130(idm, monkeypatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(app.VERBS, "config", interrupted)
    assert idm("config").code == 130


def test_a_full_disk_is_the_disk_s_fault(idm, run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", str(tmp_path / "grid.png"))

    monkeypatch.setattr("idm.report.pictures.write_atomically", full)
    assert_refused_after_work(idm("sample", run, "--num", "2", "--out", tmp_path), RUN, "No space left on device")


def assert_refused_after_work(result, code, pattern):
    assert result.code == code
    assert len(result.errors) == 1
    assert pattern in result.errors[0]
    assert "Traceback" not in result.err


def test_a_name_with_a_line_break_stays_on_one_line(idm):
    done = idm("info", "a\nb ü")
    assert done.code == 4
    assert done.err.splitlines() == [r"error[E400]: run a\nb ü: no such folder; give a folder written by 'idm train'"]
