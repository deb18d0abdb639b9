"""Conditions: a second source, read in step with the first, that the network is shown beside the samples."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT
from idm.data import dataset
from idm.run import DataSpec, load, open_data, open_data_to_score, open_run_data
from idm.run.condition_spec import ConditionSpec, Field
from idm.run.conditions import about_conditions
from idm.run.field_labels import FieldLabels
from idm.run.levels import best_of_training
from idm.run.other_conditions import read_conditions
from idm.run.pairing import in_step
from idm.settings import from_plain
from idm.settings.experiment import DataSettings
from idm.tasks import evaluate_sets_into, restoring, train
from idm.tasks.requests import RestoreRequest, ScoreRequest

NUM = 24
FINE = (np.arange(NUM * 64).reshape(NUM, 1, 8, 8) % 61).astype(np.float32)
"""Every sample has other values, and none is its own mirror image."""

COARSE = FINE.reshape(NUM, 1, 4, 2, 4, 2).mean(axis=(3, 5))


@pytest.fixture
def fields(tmp_path):
    np.save(tmp_path / "fine.npy", FINE)
    np.save(tmp_path / "coarse.npy", COARSE)
    return tmp_path


def plain(folder, **changes):
    source = {"name": "arrays", "path": str(folder / "fine.npy")}
    condition = {"name": "arrays", "path": str(folder / "coarse.npy")}
    return {"source": source, "condition": condition, "held_out": 6} | changes


def opened(folder, **changes):
    return open_data(from_plain(DataSettings, plain(folder, **changes)))


def coarse_of(x, data):
    """Means of 2 x 2 places of samples in the model's range, as conditions in theirs."""
    fine = data.spec.codec.decode(x)
    means = fine.reshape(len(fine), 1, fine.shape[2] // 2, 2, fine.shape[3] // 2, 2).mean(axis=(3, 5))
    return data.spec.condition.codec.encode(means.astype(np.float32))


def test_the_condition_of_a_sample_is_that_of_its_number_on_both_sides_of_the_split_and_mirrored(fields):
    data = opened(fields, random_flip=True)
    assert (len(data.train), len(data.held_out)) == (2 * (NUM - 6), 6)
    for part in (data.train, data.held_out):
        x, condition = part.batch(np.arange(len(part)))
        torch.testing.assert_close(condition, coarse_of(x, data), atol=1e-4, rtol=0)
    assert data.spec.condition.shape == (1, 4, 4)
    assert not data.spec.label_kind.null
    assert data.train.labels is None


@pytest.mark.parametrize("workers", [0, 1])
def test_conditions_that_are_not_kept_in_memory_are_read_ahead_in_step(fields, monkeypatch, workers):
    order = [np.array([3, 20, 1]), np.array([30, 0])]
    kept = [opened(fields, random_flip=True).train.batch(numbers) for numbers in order]
    monkeypatch.setattr(dataset, "CACHE_BYTES", 4 * 18 * 16)  # what the conditions take, so that samples are read
    read = opened(fields, random_flip=True, workers=workers).train
    assert not read.is_in_memory
    for (x, condition), (same, told) in zip(read.batches(order), kept, strict=True):
        assert torch.equal(x, same)
        assert torch.equal(condition, told)


def test_conditions_of_the_size_of_samples_are_cropped_with_them(fields):
    np.save(fields / "coarse.npy", 2 * FINE)
    data = opened(fields, random_crop=4)
    x, condition = data.train.batch(np.arange(2 * len(data.train)))
    torch.testing.assert_close(condition, x, atol=1e-5, rtol=0)  # each has a range of its own
    assert data.spec.condition.shape == data.spec.shape == (1, 4, 4)


def test_conditions_have_a_range_of_their_own(fields):
    found = opened(fields, standardize=True, condition=plain(fields)["condition"] | {"range": [0, 100]}).spec
    assert (found.condition.codec.offset, found.condition.codec.scale) == ((50.0,), (50.0,))
    assert not found.codec.bounded


@pytest.mark.parametrize(
    ("coarse", "changes", "error", "said"),
    [
        (
            COARSE[:-1],
            {},
            DataError,
            r"^data\.condition: one for each of the 24 samples wanted, .*, got 23 \(array of .*\); give as many$",
        ),
        (np.repeat(FINE, 2, axis=3), {}, DataError, r"^data\.condition: fields that are along no axis longer"),
        (COARSE[:, :, 0], {"condition_channels": "first"}, DataError, r"^data\.condition: fields of 2 spatial axes"),
        (COARSE, {"random_crop": 4}, SettingsError, r"^data\.random_crop: 0 wanted where conditions are smaller"),
        (COARSE + math.nan, {}, DataError, r"coarse\.npy|condition"),
    ],
)
def test_what_does_not_go_with_the_samples_is_refused_in_a_line(fields, coarse, changes, error, said):
    np.save(fields / "coarse.npy", coarse)
    condition = plain(fields)["condition"]
    if "condition_channels" in changes:
        changes, condition = {}, condition | {"channels": changes["condition_channels"]}
    with pytest.raises(error, match=said) as caught:
        opened(fields, condition=condition, **changes)
    assert len(caught.value.lines) == 1
    assert "data.source" not in caught.value.lines[0]


@pytest.mark.parametrize(
    ("of_samples", "of_conditions"),
    [
        ("range: 1 wanted; set data.range=auto", "data.condition.range: 1 wanted; set data.condition.range=auto"),
        ("a.npz: set data.source.key to one of these", "a.npz: set data.condition.key to one of these"),
        ("one wanted (data.source.fill=0, or data.source)", "one wanted (data.condition.fill=0, or data.condition)"),
        *[(line, line) for line in ("/me/data.source/x.npy: two", "data.range/x.npy: two", "/me/data.source.npy: two")],
        ("C:\\data.source\\x.npy: two wanted", "C:\\data.source\\x.npy: two wanted"),
    ],
)
def test_what_is_said_of_conditions_names_their_settings_and_leaves_paths_alone(of_samples, of_conditions):
    assert about_conditions(of_samples) == of_conditions


def test_code_of_a_settings_file_is_no_source_of_conditions():
    with pytest.raises(SettingsError, match=r"condition: unknown name 'custom'|condition\.name"):
        from_plain(DataSettings, {"condition": {"name": "custom", "make": "os:abort"}})


def test_classes_that_are_not_told_beside_conditions_say_what_is_held_out(fields):
    np.savez(fields / "fine.npz", data=FINE, labels=np.arange(NUM) % 2)
    found = opened(fields, source={"name": "arrays", "path": str(fields / "fine.npz")}, class_conditional=False)
    assert found.spec.class_names is None
    held_out = found.held_out.sources_of(np.arange(6))[0]
    assert sum(number % 2 for number in held_out) == 3


@pytest.mark.parametrize(
    ("samples", "conditions", "rows", "told"),
    [
        (("a.npy", "b.npy", "c.npy"), ("a.npy", "b.npy", "c.npy"), [0, 1, 2], False),
        (("x/a.npy", "x/b.npy", "x/c.npy"), ("x/c.tif", "x/a.tif", "x/b.tif"), [1, 2, 0], False),
        (("a.npy", "b.npy", "c.npy"), ("1.npy", "2.npy", "3.npy"), [0, 1, 2], "1.npy goes with sample a.npy,"),
        (("a.nii#0", "a.nii#1", "a.nii#2"), ("b.nii#0", "b.nii#1", "b.nii#2"), [0, 1, 2], False),
        (("a.nii#0", "a.nii#2", "a.nii#1"), ("b.nii#0", "b.nii#1", "b.nii#2"), [0, 2, 1], False),
        (("a.nc#0", "a.nc#1", "b.nc#0"), ("b.h5#0", "a.h5#0", "a.h5#1"), [1, 2, 0], False),
        (("a.nc#0", "a.nc#1", "b.nc#0"), ("a.nc#0", "b.nc#0", "b.nc#1"), [0, 1, 2], "b.nc#0 goes with sample a.nc#1,"),
        (("a.npy", "b.npy", "c.npy"), ("c.tif", "b.tif", "x.tif", "a.tif"), [3, 1, 0], "1 of 4 conditions have names"),
        (("run#3.tif", "run#4.tif", "b.tif"), ("b.npy", "run#4.npy", "run#3.npy"), [2, 1, 0], False),
        (("a.tif[0:4,4:8]", "a.tif[0:4,0:4]", "b.tif"), ("b.tif", "a[0:4,0:4]", "a[0:4,4:8]"), [2, 1, 0], False),
        (("a.npy", "a.tif", "b.npy"), ("a.npy", "b.npy", "c.npy"), [0, 1, 2], "b.npy goes with sample a.tif,"),
        (None, ("1.npy", "2.npy", "3.npy"), [0, 1, 2], False),
    ],
)
def test_conditions_are_found_by_names_where_both_have_the_same(samples, conditions, rows, told):
    found, remarks = in_step(samples, conditions, 3)
    assert found.tolist() == rows
    assert bool(remarks) == bool(told)
    assert not told or told in remarks[0]


def test_samples_that_are_skipped_leave_their_conditions_over_where_names_tell(tmp_path):
    for folder, fields in (("fine", FINE), ("coarse", COARSE)):
        (tmp_path / folder).mkdir()
        for row, values in enumerate(fields):
            holes = folder == "fine" and row == 3
            tifffile.imwrite(
                tmp_path / folder / f"{row:02d}.tif", np.full((8, 8), np.nan, dtype=np.float32) if holes else values[0]
            )
    source, condition = ({"name": "tiff", "path": str(tmp_path / each)} for each in ("fine", "coarse"))
    told = {"source": source | {"missing": "skip"}, "condition": condition, "held_out": 6}
    data = open_data(from_plain(DataSettings, told))
    assert len(data.train) == NUM - 6 - 1
    for part in (data.train, data.held_out):
        x, given = part.batch(np.arange(len(part)))
        torch.testing.assert_close(given, coarse_of(x, data), atol=1e-4, rtol=0)
    assert any("1 of 24 conditions have names of no sample" in line for line in data.remarks)


def test_what_a_checkpoint_remembers_of_conditions_comes_back_and_others_are_other_data(fields):
    spec = opened(fields).spec
    assert DataSpec.from_plain(spec.to_plain()) == spec
    assert (
        DataSpec.from_plain({key: value for key, value in spec.to_plain().items() if key != "condition"}).condition
        is None
    )
    np.save(fields / "coarse.npy", COARSE[::-1])
    assert opened(fields).spec.condition != spec.condition


@pytest.mark.parametrize(
    "forged",
    [
        {"shape": [1, 2**20, 2**20]},
        {"shape": [1, 9, 9]},
        {"shape": [0, 4, 4]},
        {"shape": [2, 4, 4], "channel_names": ["a"]},
        {"layout": "sideways"},
        {"fingerprint": 3},
        {"codec": {}},
    ],
)
def test_forged_conditions_are_refused_before_anything_is_made_of_them(fields, forged):
    whole = opened(fields).spec.to_plain()
    with pytest.raises((KeyError, TypeError, ValueError)):
        DataSpec.from_plain(whole | {"condition": whole["condition"] | forged})


def test_fields_are_labels_that_come_back_and_are_told_apart():
    codec = replace(opened_codec(), offset=(1.0,), scale=(2.0,))
    kind = FieldLabels(ConditionSpec((1, 2, 2), codec))
    given = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    first, second = kind.read(given)
    assert kind.read([first, second]) == [first, second]
    torch.testing.assert_close(kind.tensor([first, second]), torch.tensor((given[:, None] - 1) / 2))
    np.testing.assert_allclose(kind.labels_of(kind.tensor([second]))[0].values, given[1:], rtol=1e-6)
    assert first.sha256 != second.sha256 == Field(given[1:]).sha256
    assert kind.arrays([first, second])["condition"].shape == (2, 1, 2, 2)
    assert kind.sizes(has_null=True) == {"condition_channels": 1}
    assert kind.nothing(2).shape == (2, 1, 2, 2)
    for wrong in ("a.npy", np.zeros((3, 5, 5)), np.full((1, 2, 2), np.nan), [[1, 2], [3]]):
        with pytest.raises((SettingsError, DataError), match=r"^condition: ") as caught:
            kind.read(wrong)
        assert len(caught.value.lines) == 1


def opened_codec():
    return ConditionSpec.from_plain(
        {
            "shape": [1],
            "codec": {"dtype": "float32", "levels": None, "offset": [0.0], "scale": [1.0], "bounded": False},
            "layout": "first",
            "fingerprint": "",
            "channel_names": None,
        }
    ).codec


@pytest.fixture
def trained(experiment, fields):
    """A run that is told coarse fields, with conditions that matter: its last layer is not zero."""
    settings = experiment(data=plain(fields), training__label_dropout=0.0, diffusion__prediction="v")
    train(settings, fields / "run", device="cpu", listener=SILENT)
    return load(fields / "run", device="cpu"), fields


def test_a_run_draws_for_conditions_that_are_given_and_for_those_of_its_held_out_data(trained):
    run, _ = trained
    assert run.spec.condition is not None
    assert "told conditions" in repr(run)
    held_out = open_run_data(run).held_out
    own = run.spec.condition.codec.decode(held_out.batch(np.arange(6))[1])
    np.testing.assert_allclose(run.sample(6, seed=3), run.sample(condition=own, seed=3), atol=1e-4)
    again = run.sample(8, condition=own[:2], seed=3)
    np.testing.assert_allclose(again[:2], run.sample(2, condition=own[:2], seed=3), atol=1e-4)
    np.testing.assert_array_equal(again, run.sample(8, condition=own[:2], seed=3, batch_size=3))
    assert not np.allclose(run.sample(2, condition=own[:2]), run.sample(2, condition=own[2:4]))
    for given, said in (({"labels": "3"}, "told conditions"), ({"condition": COARSE[:1, :, :2]}, "shape")):
        with pytest.raises((SettingsError, DataError), match=said):
            run.sample(2, **given)


MEAN = """
from idm.metrics import Figure
def mean(evidence):
    return Figure("mean", float(evidence.samples.x.double().mean()))
"""


def test_samples_to_compare_are_drawn_for_the_conditions_of_what_they_are_compared_with(trained, monkeypatch):
    run, folder = trained
    (folder / "of_samples.py").write_text(MEAN)
    monkeypatch.syspath_prepend(folder)
    sampler, means = run.sampler(steps=2), []
    held_out = open_run_data(run).held_out
    fine = run.spec.codec.decode(held_out.batch(np.arange(6))[0])
    sets, told = [], []
    coarse = run.spec.condition.codec.decode(held_out.batch(np.arange(6))[1])[:2]
    for number, theirs in enumerate((coarse, coarse.max() + coarse.min() - coarse)):
        np.save(folder / f"fine{number}.npy", fine[:2])
        np.save(folder / f"coarse{number}.npy", theirs)
        sets, told = [*sets, str(folder / f"fine{number}.npy")], [*told, str(folder / f"coarse{number}.npy")]
        y = open_data_to_score(run, sets[-1], condition=told[-1]).held_out.batch(np.arange(2))[1]
        drawn = run.sample(4, condition=run.spec.condition.codec.decode(y), sampler=sampler)
        means.append(float(run.spec.codec.encode(drawn).double().mean()))
        how = {"samples": 4, "sampler": sampler, "metrics": ["of_samples:mean"], "features": "values"}
        assert run.evaluate(sets[-1], condition=told[-1], **how)["mean"].value == pytest.approx(means[-1], abs=1e-5)
    assert abs(means[0] - means[1]) > 1e-4
    request = ScoreRequest(samples=4, sampler={"steps": 2}, metrics=["of_samples:mean"], features="values")
    found = evaluate_sets_into(folder / "run", request, sets, folder / "out", conditions=told, device="cpu")
    assert [found.evaluations[one]["mean"].value for one in sets] == pytest.approx(means, abs=1e-5)


def test_a_run_without_conditions_refuses_them(experiment, tmp_path):
    train(experiment(), tmp_path / "run", device="cpu", listener=SILENT)
    with pytest.raises(SettingsError, match=r"^condition: none wanted, this network was trained without"):
        load(tmp_path / "run", device="cpu").sample(1, condition=np.zeros((1, 8, 8)))


def test_held_out_data_are_scored_under_their_own_conditions_and_other_data_under_theirs(trained):
    run, folder = trained
    data = open_run_data(run)
    x, y = data.held_out.batch(np.arange(6))
    fine, coarse = run.spec.codec.decode(x), run.spec.condition.codec.decode(y)
    own = run.evaluate(steps=5).bound.vlb.total_bpd
    told = run.score(fine, condition=coarse, steps=5)
    np.testing.assert_allclose(told.bits_per_dim, own.numpy(), rtol=1e-3)
    assert not np.allclose(run.score(fine, condition=coarse[::-1], steps=5).bits_per_dim, told.bits_per_dim, rtol=1e-3)
    with pytest.raises(SettingsError, match=r"^samples: the condition of each wanted, got none; .*condition=FIELDS"):
        run.score(fine)
    np.save(folder / "other.npy", fine)
    np.save(folder / "theirs.npy", coarse)
    found = open_data_to_score(run, folder / "other.npy", condition=folder / "theirs.npy").held_out
    torch.testing.assert_close(
        found.batch(np.arange(6))[1], coarse_of(found.batch(np.arange(6))[0], data), atol=1e-4, rtol=0
    )
    with pytest.raises(DataError, match=r"conditions of these samples wanted, .* give condition=PATH$"):
        open_data_to_score(run, folder / "other.npy")
    with pytest.raises(SettingsError, match=r"^condition: other data wanted beside it"):
        run.evaluate(condition=folder / "theirs.npy")
    np.save(folder / "theirs.npy", coarse[:3])
    with pytest.raises(DataError, match=r"^condition: one for each of the 6 samples wanted, .* got 3"):
        run.evaluate(folder / "other.npy", condition=folder / "theirs.npy")


def test_what_is_restored_or_edited_is_told_its_condition_and_latents_are_refused(trained):
    run, _ = trained
    data = open_run_data(run)
    x, y = data.held_out.batch(np.arange(2))
    fine, coarse = run.spec.codec.decode(x), run.spec.condition.codec.decode(y)
    operator = run.operator("downsample:2")
    restored = run.restore(coarse, operator, condition=coarse, num=2, sampler=run.sampler(steps=3))
    assert restored.draws.shape == (2, 2, 1, 8, 8)
    with pytest.raises(SettingsError, match="the condition of each wanted"):
        run.restore(coarse, operator, num=2)
    assert run.edit(fine, label_b=coarse, strength=0.5, steps=3).draws.shape == (2, 1, 1, 8, 8)
    for refused in (lambda: run.encode(fine), lambda: run.guided(classifier_scale=1.0)):
        with pytest.raises(SettingsError, match="one that is told conditions"):
            refused()


def test_conditions_in_a_file_of_several_arrays_are_refused_with_advice_that_works(trained):
    run, folder = trained
    np.savez(folder / "several.npz", low=COARSE[:2], lower=COARSE[2:4])
    with pytest.raises(DataError, match=r"got low, lower; set data\.condition\.key to one of these$") as caught:
        read_conditions(run, folder / "several.npz", most=2)
    assert len(caught.value.lines) == 1
    found = read_conditions(run, folder / "several.npz", 2, {"key": "lower"})
    np.testing.assert_allclose(np.stack([one.values for one in found]), COARSE[2:4], rtol=1e-5)
    np.save(folder / "two.npy", FINE[:2])
    np.savez(folder / "several.npz", low=COARSE[:2], lower=COARSE[2:4])
    told = {"condition": folder / "several.npz", "condition_source": {"key": "lower"}}
    (_, y) = open_data_to_score(run, folder / "two.npy", **told).held_out.batch(np.arange(2))
    assert sorted(run.spec.condition.codec.decode(y).mean((1, 2, 3))) == pytest.approx(
        sorted(COARSE[2:4].mean((1, 2, 3))), rel=1e-3
    )
    with pytest.raises(SettingsError, match=r"^data\.condition: unknown option|^data\.condition\.keys"):
        read_conditions(run, folder / "several.npz", 2, {"keys": "low"})


def test_every_observation_of_a_restoration_is_told_the_condition_of_its_number(trained, monkeypatch):
    _, folder = trained
    many = 1030  # more than conditions of the data are kept of
    coarse = np.arange(many, dtype=np.float32)[:, None, None, None] % 61 * np.ones((1, 4, 4), dtype=np.float32)
    np.save(folder / "many.npy", coarse)
    planned = []
    monkeypatch.setattr(restoring, "plan_draws", lambda run, observed, plan: planned.append(plan) or 1 / 0)
    wanted = RestoreRequest("downsample:2", condition=str(folder / "many.npy"))
    with pytest.raises(ZeroDivisionError):
        restoring.restore_into(folder / "run", [str(folder / "many.npy")], wanted, folder / "out", device="cpu")
    assert [float(one.values.mean()) for one in planned[0].labels] == pytest.approx(coarse[:, 0, 0, 0], abs=1e-3)


def test_the_data_of_a_run_that_are_gone_are_wanted_where_no_condition_is_given(trained):
    run, folder = trained
    (folder / "coarse.npy").unlink()
    with pytest.raises(DataError, match=r"condition=FIELDS$"):
        run.sample(2)
    assert run.sample(2, condition=COARSE[:2]).shape == (2, 1, 8, 8)


def test_points_are_told_conditions_too(experiment, tmp_path):
    values = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.save(tmp_path / "fine.npy", values[:, :2])
    np.save(tmp_path / "coarse.npy", values[:, 2:])
    settings = experiment(
        data=plain(tmp_path),
        network={"name": "mlp", "width": 8},
        training__label_dropout=0.3,
        diffusion__prediction="v",
    )
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    run = load(tmp_path / "run", device="cpu")
    assert run.sample(4, condition=[[0.5], [1.0]]).shape == (4, 2)
    nothing = run.spec.condition.codec.decode(torch.zeros(1, 1))
    np.testing.assert_allclose(
        run.sample(3, condition=[[0.5]], guidance=0.0), run.sample(3, condition=nothing), rtol=1e-4, atol=1e-4
    )


@pytest.fixture
def clocked(experiment, tmp_path):
    """The folder of a run that is told conditions, and along whose training the memorisation clock looked."""
    fine = np.tile(FINE, (2, 1, 1, 1))
    np.save(tmp_path / "fine.npy", fine)
    np.save(tmp_path / "coarse.npy", np.tile(COARSE, (2, 1, 1, 1)))
    settings = experiment(
        data=plain(tmp_path, held_out=24),
        training__batch_size=360,
        training__memorisation_interval=4,
        training__label_dropout=0.0,
    )
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    return tmp_path / "run"


def test_the_clock_and_errors_over_levels_tell_the_gap_of_runs_with_conditions_and_no_excess(clocked):
    lines = map(json.loads, (clocked / "metrics.jsonl").read_text().splitlines())
    looks = [line for line in lines if "memorised" in line]
    assert [line["step"] for line in looks] == [4]
    assert math.isfinite(looks[0]["memorised"])
    assert "excess_loss" not in looks[0]  # each sample is known by its condition: there is no least to compare with
    run = load(clocked, device="cpu")
    assert best_of_training(run, open_run_data(run)) is None
    found = run.evaluate(metrics=["levels"], num=8)
    assert math.isfinite(found["train_gap"].value)
    with pytest.raises(KeyError):
        found["excess_loss"]
