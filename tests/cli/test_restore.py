"""Restoring from the command line: masks and operators, what is kept, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from idm import load
from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT
from idm.run.masks import checked_mask, read_mask
from idm.run.observing import read_observed
from idm.run.operators import parse_operator
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ..forging import POINTS
from .restored import LEFT, SHORT, UNET, grey, opened


def transparent(path, hidden=LEFT):
    pixels = np.zeros((*hidden.shape, 2), dtype=np.uint8)
    pixels[..., 1] = np.where(hidden, 0, 255)
    Image.fromarray(pixels, mode="LA").save(path)


def array(path, hidden=LEFT):
    np.save(path, hidden.astype("f4"))


MASKS = {"hole.png": grey, "clear.png": transparent, "hole.npy": array}


@pytest.fixture(scope="module")
def digits(run):
    """A held-out digit of the run, as data [8, 8]."""
    return load(run, device="cpu").read("held-out:0").data[0].reshape(8, 8)


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_of_every_kind_hides_the_same_and_what_is_seen_stays(idm, run, digits, tmp_path, name):
    MASKS[name](tmp_path / name)
    np.save(tmp_path / "seen.npy", np.where(LEFT, 0, digits).astype(digits.dtype))
    result = idm(
        *("restore", run, tmp_path / "seen.npy", "--operator", f"mask:{tmp_path / name}", "--method", "ddnm"),
        *("--out", tmp_path / "out", *SHORT),
    )
    assert result.code == 0, result.err
    found = opened(tmp_path / "out")
    assert found["data"].shape == (1, 2, 1, 8, 8)
    assert (found["data"][0, :, 0][:, ~LEFT] == digits[~LEFT]).all()
    kept = np.load(tmp_path / "out" / "restored" / "seen.npy")
    assert (kept == found["data"][0]).all()
    assert np.allclose(np.load(tmp_path / "out" / "restored" / "seen-mean.npy"), kept.mean(0))
    assert np.allclose(np.load(tmp_path / "out" / "restored" / "seen-std.npy"), kept.std(0, ddof=1))


def test_transparent_pixels_and_nan_are_holes(idm, run, digits, tmp_path):
    pixels = np.zeros((8, 8, 2), dtype=np.uint8)
    pixels[..., 0] = np.rint(digits.astype(float) * 255 / 16)
    pixels[..., 1] = np.where(LEFT, 0, 255)
    Image.fromarray(pixels, mode="LA").save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", np.where(LEFT, np.nan, digits).astype("f4"))
    command = ("restore", run, tmp_path / "a.png", tmp_path / "b.npy", "--operator", "mask", "--method", "ddnm")
    assert idm(*command, "--out", tmp_path / "out", *SHORT).code == 0
    found = opened(tmp_path / "out")["data"]
    assert (found[:, :, 0][:, :, ~LEFT] == digits[~LEFT]).all()
    names = {path.name for path in (tmp_path / "out" / "restored").iterdir()}
    assert names == {"a-00.png", "a-01.png", "a-mean.png", "a-std.png", "b.npy", "b-mean.npy", "b-std.npy"}
    picture = np.asarray(Image.open(tmp_path / "out" / "restored" / "a-00.png"))
    assert (picture == np.rint(found[0, 0, 0].astype(float) * 255 / 16)).all()


def test_restoring_without_a_class_is_noted_where_no_method_is_named(idm, run, digits, tmp_path):
    np.save(tmp_path / "seen.npy", np.where(LEFT, np.nan, digits.astype("f4")))
    verb = ("restore", run, tmp_path / "seen.npy", "--operator", "mask", "--out", tmp_path / "out", *SHORT)
    verb += ("--class-particles", 1)
    done = idm(*verb)
    assert done.code == 0, done.err
    assert "no class was told" in done.err
    assert "--labels CLASS where it is known, or --class-particles 0, takes none" in done.err
    assert done.out.splitlines()[1].startswith("drawn as: ")
    assert opened(tmp_path / "out")["classes"].shape == (1, 2)
    record = json.loads(idm(*verb, "--json").out)
    assert sum(record["classes"].values()) == pytest.approx(1)
    for told in (("--labels", "3"), ("--class-particles", "0")):
        assert "no class was told" not in idm(*verb, *told).err


def test_a_draw_depends_on_its_seed_alone(idm, run, tmp_path):
    grey(tmp_path / "hole.png")
    command = ("restore", run, "held-out:0-2", "--simulate", "--operator", f"mask:{tmp_path / 'hole.png'}")
    command += ("--method", "repaint", "--set", "method.jumps=2", *SHORT)
    for name, size in (("a", 64), ("b", 2)):
        assert idm(*command, "--out", tmp_path / name, "--batch-size", size).code == 0
    first, second = (opened(tmp_path / name) for name in "ab")
    assert (first["data"] == second["data"]).mean() > 0.99  # but for roundings of float32
    assert first["seeds"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert idm(*command, "--seed", 2, "--out", tmp_path / "c").code == 0
    assert (opened(tmp_path / "c")["data"][0, 0] != first["data"][0, 0]).any()


def test_a_mask_whose_transparency_says_nothing_hides_what_is_white(run, tmp_path):
    pixels = np.repeat(np.where(LEFT, 255, 0).astype(np.uint8)[..., None], 4, axis=2)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "opaque.png")
    assert (read_mask(tmp_path / "opaque.png", load(run, device="cpu").spec)[0] == LEFT).all()


def test_pixels_of_another_depth_than_the_files_of_a_run_are_refused(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (12, 8, 8), dtype=np.uint16)
    (tmp_path / "stamps").mkdir()
    for row, pixels in enumerate(deep):
        Image.fromarray(pixels).save(tmp_path / "stamps" / f"{row}.png")
    data = {"source": {"name": "image_folder", "path": str(tmp_path / "stamps"), "image_size": 8}, "held_out": 0.2}
    run = train(
        from_plain(Experiment, {**POINTS, "data": data, "network": UNET}),
        tmp_path / "run",
        device="cpu",
        listener=SILENT,
    )
    Image.fromarray((deep[0] >> 8).astype(np.uint8)).save(tmp_path / "grey.png")
    transparent(tmp_path / "clear.png")
    for name, told in (("grey.png", "16-bit grey, wanted, got 8 x 8, 8-bit grey"), ("clear.png", "got transparency")):
        with pytest.raises(DataError, match=told):
            read_observed(run, run.operator("mask"), [str(tmp_path / name)])


REFUSED = {
    "another shape": (("--operator", "mask:wrong.npy"), "shape (8, 8)"),
    "no such file": (("--operator", "mask:gone.png"), "gone.png"),
    "nothing hidden": (("--operator", "mask:none.npy"), "hides nothing"),
    "no value": (("--operator", "downsample"), "downsample:4"),
    "a name misspelt": (("--operator", "downsmple:4"), "did you mean downsample:4?"),
    "no number": (("--operator", "blur:much"), "blur:1.5"),
    "channel": (("--operator", "channels:1"), "from 0 to 0"),
    "method": (("--operator", "mask:hole.npy", "--method", "repant"), "did you mean 'repaint'?"),
    "method's option": (("--operator", "mask:hole.npy", "--method", "repaint", "--set", "method.jump=3"), "jumps"),
    "method's range": (
        ("--operator", "mask:hole.npy", "--method", "repaint", "--set", "method.jumps=0"),
        "greater than or equal to 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_is_one_line_with_exit_code_2(idm, run, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    np.save("wrong.npy", np.ones((3, 8), dtype=bool))
    np.save("none.npy", np.zeros((8, 8), dtype=bool))
    np.save("hole.npy", LEFT)
    options, told = REFUSED[case]
    result = idm("restore", run, "held-out:0", "--simulate", *options, "--out", "out", *SHORT)
    assert (result.code, len(result.errors)) == (2, 1), result.err
    assert told in result.errors[0]
    assert not (tmp_path / "out").exists()


def test_a_function_of_ones_own_is_called_with_data(idm, run, tmp_path, monkeypatch):
    (tmp_path / "physics.py").write_text("def halves(v):\n    return v.flatten(1).sum(1, keepdim=True)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    np.save(tmp_path / "total.npy", np.array([[300.0]]))
    result = idm(
        *("restore", run, tmp_path / "total.npy", "--operator", "physics:halves", "--method", "repaint"),
        *("--out", tmp_path / "out", *SHORT),
    )
    assert result.code == 2
    assert "operator that picks values" in result.errors[0]
    nothing = idm("restore", run, tmp_path / "total.npy", "--operator", "physics:gone", "--out", tmp_path / "out")
    assert nothing.code == 3
    assert "none in that module" in nothing.errors[0]


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("raises", 3, "--operator: faulty:raises wanted to return, got ZeroDivisionError ("),
        ("cut", 2, "--operator: values that torch computed from its argument wanted of faulty:cut, got some without"),
        ("number", 2, "--operator: a tensor [1, ...] wanted from the function, a row per sample, got int"),
        ("Made", 3, "--operator: faulty:Made wanted to return, got TypeError"),
    ],
)
def test_faults_in_a_function_of_ones_own_are_told_in_a_line(idm, run, tmp_path, monkeypatch, name, code, told):
    (tmp_path / "faulty.py").write_text(
        "from idm.restoration import LinearOperator\n"
        "def raises(v):\n    return v / (1 // 0)\n"
        "def cut(v):\n    return v.detach().flatten(1)\n"
        "def number(v):\n    return 3\n"
        "class Made(LinearOperator):\n    def __init__(self):\n        super().__init__((1,))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    command = ("restore", run, "held-out:0", "--simulate", "--operator", f"faulty:{name}", "--out", tmp_path / "out")
    refused = idm(*command, *SHORT)
    assert (refused.code, len(refused.errors)) == (code, 1), refused.err
    assert told in refused.errors[0]
    assert "Traceback" not in refused.err
    assert not (tmp_path / "out" / "restored").exists()


@pytest.mark.parametrize("shape", [(3,), (8, 4), (2, 8, 8)])
def test_masks_of_other_shapes_are_refused_in_python(run, shape):
    with pytest.raises(SettingsError, match="a mask of shape"):
        checked_mask(np.ones(shape, dtype=bool), load(run, device="cpu").spec)


def test_without_a_method_operators_that_are_not_linear_have_one_of_their_own(idm, run, tmp_path, monkeypatch):
    (tmp_path / "loud.py").write_text("def loudness(x):\n    return x.square().flatten(1).mean(1, keepdim=True)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for operator, way in ((f"mask:{tmp_path / 'hole.npy'}", "pigdm ("), ("loud:loudness", "dps (")):
        np.save(tmp_path / "hole.npy", LEFT)
        command = ("restore", run, "held-out:0", "--simulate", "--operator", operator, "--out", tmp_path / way[:3])
        found = idm(*command, "--steps", 2, "--num", 1)
        assert found.code == 0, found.err
        assert f"by {way}" in found.out
    held_out = load(run, device="cpu").read("held-out:0").data
    hidden = np.broadcast_to(LEFT, held_out.shape[1:])
    np.testing.assert_array_equal(opened(tmp_path / "pig")["data"][0, 0][~hidden], held_out[0][~hidden])


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("edit", "--label-b", "nobody"), "--label-b"),
        (("restore", "--simulate", "--labels", "nobody", "--operator", "downsample:2"), "--labels"),
        (("restore", "--simulate", "--operator", "downsample:3"), "--operator"),
        (("restore", "--simulate", "--operator", "blur:1,2,3"), "--operator"),
        (("restore", "--simulate", "--operator", "fourier:2,4"), "--operator"),
    ],
)
def test_a_refusal_begins_with_the_option_that_is_wrong(idm, run, tmp_path, command, option):
    verb, *words = command
    result = idm(verb, run, "held-out:0", *words, "--out", tmp_path / "out")
    assert result.code == 2
    (line,) = result.errors
    assert line.startswith(f"error[E200]: {option}: ")


def test_the_operator_is_named_once(run):
    points = replace(load(run, device="cpu").spec, shape=(2,))
    with pytest.raises(SettingsError, match=r"^operator: data with spatial axes wanted .*, of 'blur:1'$"):
        parse_operator("blur:1", points)


def test_a_matrix_from_a_file_may_be_changed_and_torch_does_not_warn(run, tmp_path, recwarn):
    np.save(tmp_path / "A.npy", np.ones((2, 64)))
    opened = load(run, device="cpu")
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    try:
        operator = opened.operator(f"matrix:{tmp_path / 'A.npy'}")
    finally:
        torch.set_warn_always(before)
    assert operator.apply(torch.ones(1, 1, 8, 8)).tolist() == [[64.0, 64.0]]
    assert not recwarn.list


def test_whole_samples_that_should_have_been_observed_are_told_how(idm, run, digits, tmp_path):
    np.save(tmp_path / "whole.npy", digits)
    Image.fromarray(digits).save(tmp_path / "whole.png")
    for name in ("whole.npy", "whole.png"):
        command = ("restore", run, tmp_path / name, "--operator", "downsample:2", "--out", tmp_path / "out", *SHORT)
        command += ("--class-particles", 0)
        refused = idm(*command)
        assert (refused.code, len(refused.errors)) == (3, 1)
        assert refused.errors[0].endswith("whole samples are observed with --simulate")
        assert idm(*command, "--simulate").code == 0
    refused = idm("restore", run, "held-out:0", "--operator", "downsample:2", "--out", tmp_path / "out", *SHORT)
    assert (refused.code, len(refused.errors)) == (3, 1)
    assert "got a whole sample; whole samples are observed with --simulate" in refused.errors[0]


@pytest.mark.usefixtures("unchecked_types")
def test_in_python_texts_in_the_place_of_operators_and_methods_are_refused_with_what_makes_them(run, digits):
    opened = load(run, device="cpu")
    for operator, method, told in (
        ("blur:1", None, r'operator: run\.operator\("mask"\) or the like wanted, got \'blur:1\''),
        (opened.operator("blur:1"), "ddnm", r'method: run\.method\("ddnm"\) or the like wanted, got \'ddnm\''),
    ):
        with pytest.raises(SettingsError, match=told):
            opened.restore(digits, operator, method=method)
    with pytest.raises(DataError, match=r"got .1, 8, 8.; apply it to whole samples first"):
        opened.restore(digits[None], opened.operator("downsample:2"))


def test_a_method_may_be_named_among_its_options_as_a_refusal_advises_and_is_told_in_words(idm, run, tmp_path):
    np.save(tmp_path / "hole.npy", LEFT)
    command = ("restore", run, "held-out:0", "--simulate", "--operator", f"mask:{tmp_path / 'hole.npy'}")
    command += ("--set", "method.covariance=full", "--out", tmp_path / "out", *SHORT)
    refused = idm(*command)
    assert (refused.code, len(refused.errors)) == (2, 1)
    assert "set method.name=tmpd, or leave it out" in refused.errors[0]
    followed = idm(*command, "--set", "method.name=tmpd")
    assert followed.code == 0, followed.err
    assert "by tmpd (covariance=full, data_deviation=0.5) and SamplerMultistep" in followed.out


def test_coverage_is_told_in_a_sentence(idm, run, tmp_path):
    np.save(tmp_path / "hole.npy", LEFT)
    command = ("restore", run, "--operator", f"mask:{tmp_path / 'hole.npy'}", "--method", "ddnm", "--steps", 2)
    result = idm(*command, "--check-coverage", 3, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "90 % regions hold the truth in" in result.out
    assert (tmp_path / "out" / "coverage.png").is_file()
    refused = idm(*command, "held-out:0", "--check-coverage", 3)
    assert (refused.code, len(refused.errors)) == (2, 1)


def test_the_effective_sample_size_of_particles_is_told(idm, run, tmp_path):
    np.save(tmp_path / "hole.npy", LEFT)
    command = ("restore", run, "held-out:0-1", "--simulate", "--operator", f"mask:{tmp_path / 'hole.npy'}")
    command += ("--noise", 2, "--method", "tds", "--set", "method.particles=3", "--steps", 3, "--num", 2)
    found = idm(*command, "--batch-size", 3, "--out", tmp_path / "out")
    assert found.code == 0, found.err
    shares = opened(tmp_path / "out")["effective"]
    assert shares.shape == (2, 2)
    assert ((shares >= 1 / 3 - 1e-6) & (shares <= 1 + 1e-6)).all()
    told = f"effective sample size: {shares.mean():.0%} of the particles on average, {shares.min():.0%} at the least"
    assert told in found.out
    again = idm(*command, "--out", tmp_path / "out", "--json").json["effective"]
    assert again == {"mean": pytest.approx(shares.mean()), "least": pytest.approx(shares.min())}
