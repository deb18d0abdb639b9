"""Labels and conditions together: what a network is told of each sample, in training, guidance, scoring and drawing."""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from idm.core.errors import SettingsError
from idm.core.progress import SILENT
from idm.run import DataSpec, load, open_data, open_run_data
from idm.run.labelled_fields import LabelledFields
from idm.run.spec import data_differences
from idm.settings import from_plain
from idm.settings.experiment import DataSettings
from idm.tasks import train
from idm.timesteps import UniformTimesteps
from idm.training import TrainStep
from idm.training.meter import LossMeter
from idm.training.spread import Alone

NUM = 30
FIELDS = (np.arange(NUM * 16).reshape(NUM, 1, 4, 4) % 31).astype(np.float32)
CLASSES = np.arange(NUM) % 3
AGES = np.where(np.arange(NUM) % 5 == 0, np.nan, 20.0 + np.arange(NUM))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Fields of three classes and some ages, and their coarse ones."""
    place = tmp_path_factory.mktemp("both")
    np.savez(place / "fine.npz", x=FIELDS, y=CLASSES, class_names=np.array(["a", "b", "c"]), age=AGES)
    np.save(place / "coarse.npy", FIELDS.reshape(NUM, 1, 2, 2, 2, 2).mean(axis=(3, 5)))
    return place


def settings_of(folder, **changes):
    source = {"name": "arrays", "path": str(folder / "fine.npz")}
    return {
        "source": source,
        "condition": {"name": "arrays", "path": str(folder / "coarse.npy")},
        "held_out": 6,
    } | changes


@pytest.fixture(scope="module")
def run(folder, experiment):
    """A run of a few steps that is told classes and conditions, a third of the time no class."""
    wanted = experiment(
        data=settings_of(folder),
        training__label_dropout=0.3,
        training__num_steps=4,
    )
    train(wanted, folder / "run", device="cpu", listener=SILENT)
    return load(folder / "run", device="cpu")


def own_train_step(network, run, data, settings):
    """The step of training as a run makes it, with another network."""
    kind, timesteps = run.spec.label_kind, UniformTimesteps(run.diffusion.num_timesteps)
    given = {"seed": 0, "device": run.device, "without": kind.without, "given": kind.given}
    return TrainStep(network, run.diffusion, timesteps, data.train, settings, **given)


def coarse(x):
    return x.reshape(len(x), 1, 2, 2, 2, 2).mean(axis=(3, 5))


@pytest.mark.parametrize("attributes", [(), ("age",)])
def test_a_batch_tells_label_and_condition_of_each_sample(folder, attributes):
    data = open_data(from_plain(DataSettings, settings_of(folder, attributes=list(attributes))))
    kind = data.spec.label_kind
    assert isinstance(kind, LabelledFields)
    for part in (data.train, data.held_out):
        x, told = part.batch(np.arange(len(part)))
        numbers, _ = part.sources_of(np.arange(len(part)))
        given = kind.given(told)
        np.testing.assert_allclose(
            data.spec.condition.codec.decode(given["condition"]), coarse(data.spec.codec.decode(x)), rtol=1e-4
        )
        if attributes:
            np.testing.assert_allclose(data.spec.attributes.restore(given["y"].numpy())[:, 0], AGES[numbers], rtol=1e-5)
        else:
            assert given["y"].dtype == torch.int64
            assert given["y"].tolist() == CLASSES[numbers].tolist()


def test_without_its_label_a_sample_keeps_its_condition(folder):
    kind = open_data(from_plain(DataSettings, settings_of(folder))).spec.label_kind
    y = kind.tensor(kind.read(kind.asked(["c", "a"], FIELDS[:2, :, :2, :2])))
    before, after = kind.given(y), kind.given(kind.without(y))
    assert (before["y"].tolist(), after["y"].tolist()) == ([2, 0], [3, 3])
    assert torch.equal(before["condition"], after["condition"])
    again = kind.told_in(before)
    assert torch.equal(again, y)


def test_guidance_extrapolates_from_no_label_under_the_same_condition(run):
    kind = run.spec.label_kind
    y = kind.tensor(kind.read(kind.asked("b", FIELDS[:1, :, :2, :2])))
    x = torch.linspace(-1, 1, 16).view(1, 1, 4, 4)
    level = run.diffusion.grid.level(3, x)
    told, untold = (run.unguided.denoiser(run.diffusion, kind.given(one))(x, level).raw for one in (y, kind.without(y)))
    guided = run.guided(3.0).guided_denoiser(run.diffusion, y)(x, level).raw
    torch.testing.assert_close(guided, untold + 3.0 * (told - untold))
    assert not torch.allclose(told, untold)


def test_training_drops_labels_in_their_share_and_no_condition(run):
    data, kind, seen = open_run_data(run), run.spec.label_kind, []

    def network(x, time, /, y, condition):
        seen.append((y, condition))
        return own(x, time, y=y, condition=condition)

    own = deepcopy(run.network).requires_grad_(True)
    settings = replace(run.experiment.training, batch_size=200, label_dropout=0.3, micro_batch_size=0)
    step = own_train_step(network, run, data, settings)
    for number in range(3):
        step.accumulate_gradients(number, Alone(own), LossMeter(run.diffusion.num_timesteps, run.device))
    classes, conditions = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert float((classes == 3).double().mean()) == pytest.approx(0.3, abs=0.08)  # 4 standard errors of 600 draws
    assert set(classes.tolist()) == {0, 1, 2, 3}
    of_data = kind.given(data.train.batch(np.arange(24))[1])["condition"].flatten(1)
    assert {*map(tuple, conditions.flatten(1).tolist())} <= {*map(tuple, of_data.tolist())}


def test_samples_are_drawn_for_labels_and_conditions_each_in_turn(run):
    kind, fields = run.spec.label_kind, FIELDS[:2, :, :2, :2]

    def told(labels, condition, count):
        given = kind.given(run.drawn_labels(kind.asked(labels, condition), count))
        values = run.spec.condition.codec.decode(given["condition"])
        rows = [int(np.isclose(fields, value, atol=1e-3).all(axis=(1, 2, 3)).argmax()) for value in values]
        return list(zip(given["y"].tolist(), rows, strict=True))

    assert told(["c", "a"], fields, 3) == [(2, 0), (0, 1), (2, 0)]
    assert told(["b"], fields, 3) == [(1, 0), (1, 1), (1, 0)]
    assert told(None, fields, 5) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]  # every class in turn
    given = kind.given(run.drawn_labels(["b"], 4))
    assert given["y"].tolist() == [1] * 4
    held_out = open_run_data(run).held_out.first(4)[1]
    assert torch.equal(given["condition"], kind.given(held_out)["condition"])
    assert run.sample(labels=["c"], condition=fields).shape == (2, 1, 4, 4)


def test_scored_samples_are_told_what_is_asked_for_and_else_what_is_known_of_them(run, folder):
    kind, data = run.spec.label_kind, open_run_data(run)
    known = kind.labels_of(data.held_out.first(3)[1])
    asked = kind.read(kind.asked(["c"], None))
    given = run.conditioning(asked, known)
    own = kind.given(data.held_out.first(3)[1])
    assert given["y"].tolist() == [2, 2, 2]
    torch.testing.assert_close(given["condition"], own["condition"])
    other = run.conditioning(kind.read(kind.asked(None, FIELDS[:1, :, :2, :2])), known)
    assert other["y"].tolist() == own["y"].tolist()
    assert len(other["condition"].flatten(1).unique(dim=0)) == 1
    with pytest.raises(SettingsError, match=r"the condition of each wanted, got none"):
        run.conditioning(asked, [None, None])
    assert run.conditioning(kind.read(kind.asked(None, FIELDS[:1, :, :2, :2])), [None])["y"].tolist() == [3]


def test_a_run_whose_conditions_took_the_place_of_classes_is_opened_as_it_was(folder):
    settings = from_plain(DataSettings, settings_of(folder))
    now = open_data(settings)
    before = open_data(settings, now.spec.codec, before=replace(now.spec, class_names=None))
    assert before.spec.class_names is None
    x, told = before.held_out.batch(np.arange(6))
    assert told.shape == (6, 1, 2, 2)
    assert torch.equal(x, now.held_out.batch(np.arange(6))[0])  # classes still say what is held out
    without = open_data(from_plain(DataSettings, settings_of(folder, class_conditional=False)))
    assert without.spec.label_kind.key == "condition"


def test_samples_are_saved_with_what_is_said_of_them(run, tmp_path):
    fields = FIELDS[:2, :, :2, :2]
    samples = run.sample(labels=["c"], condition=fields)
    both = np.load(run.save(samples, tmp_path / "both", labels=["c", "a"], condition=fields)["arrays"])
    assert both["class_names"][both["labels"]].tolist() == ["c", "a"]
    np.testing.assert_allclose(both["condition"], fields)
    one = np.load(run.save(samples, tmp_path / "one", labels="b")["arrays"])
    assert one["labels"].tolist() == [1, 1]
    assert "condition" not in one
    alone, above = (run.picture(samples, labels="b", condition=told).height for told in (None, fields))
    assert above > alone


def test_data_whose_numbers_are_missing_in_part_are_known_again(folder):
    settings = from_plain(DataSettings, settings_of(folder, attributes=["age"]))
    kept = DataSpec.from_plain(json.loads(json.dumps(open_data(settings).spec.to_plain())))
    assert any(np.isnan(row[0]) for row in kept.attributes.examples)
    assert data_differences(kept, open_data(settings).spec) == []


def test_without_their_numbers_samples_keep_their_condition_too(folder):
    kind = open_data(from_plain(DataSettings, settings_of(folder, attributes=["age"]))).spec.label_kind
    y = kind.tensor(kind.read(kind.asked([25.0, 40.0], FIELDS[:2, :, :2, :2])))
    before, after = kind.given(y), kind.given(kind.without(y))
    assert after["y"].isnan().all()
    assert before["y"].isfinite().all()
    assert torch.equal(before["condition"], after["condition"])


def test_by_default_there_is_a_sample_of_each_label_or_condition_whichever_are_more(run):
    fields = FIELDS[:4].reshape(4, 1, 2, 2, 2, 2).mean(axis=(3, 5))
    asked = run.label_kind.asked(["a", "b", "c"], fields)
    assert len(asked) == 12
    assert run.label_kind.one_of_each(run.label_kind.read(asked)) == 4
    assert run.sample(labels=["a", "b", "c"], condition=fields, sampler=run.sampler(steps=2)).shape == (4, 1, 4, 4)
    assert run.sample(labels=["a", "b", "c"], condition=fields[:1], sampler=run.sampler(steps=2)).shape == (3, 1, 4, 4)
