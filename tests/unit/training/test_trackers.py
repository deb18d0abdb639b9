"""Trackers hear what metrics.jsonl holds, and cannot stop a run. Their libraries are stand-ins: nothing is sent."""

import sys
import types
from importlib.machinery import ModuleSpec

import pytest

from idm.core.errors import SettingsError, UnknownNameError
from idm.core.progress import SILENT
from idm.training import Tracker, Trainer
from idm.training.spread import Alone
from idm.training.trackers import TRACKERS, Careful, careful_tracker

ROW = {"step": 4, "loss": 0.5, "grad_norm": None, "images": 32}


class Recorder:
    """Remembers what it is told."""

    def __init__(self, *args, **kwargs):
        self.given, self.said, self.closed = (args, kwargs), [], False

    def log(self, row, step=None):
        self.said.append(row if step is None else (step, row))

    def add_scalar(self, name, value, step):
        self.said.append((step, {name: value}))

    def close(self):
        self.closed = True

    finish = close


class Broken:
    """Fails at all it is told."""

    def log(self, row):
        raise ConnectionError("no\nnetwork")

    def close(self):
        raise AssertionError("told more")


@pytest.fixture
def libraries(monkeypatch):
    """Stand-ins for the libraries; the last thing that each made."""
    made = {}

    def maker(name):
        def make(*args, **kwargs):
            made[name] = Recorder(*args, **kwargs)
            return made[name]

        return make

    for name in ("wandb", "trackio", "tensorboard", "torch.utils.tensorboard"):
        module = types.ModuleType(name)
        module.__spec__ = ModuleSpec(name, None, origin="a stand-in")
        module.init = module.SummaryWriter = maker(name)
        monkeypatch.setitem(sys.modules, name, module)
    return made


@pytest.mark.parametrize(
    ("name", "module"), [("wandb", "wandb"), ("trackio", "trackio"), ("tensorboard", "torch.utils.tensorboard")]
)
def test_numbers_arrive_at_their_step(libraries, tmp_path, name, module):
    tracker = TRACKERS.build(name, {}, run_folder=tmp_path / "mine")
    assert isinstance(tracker, Tracker)
    tracker.log(ROW)
    tracker.close()
    told = {}
    for step, values in libraries[module].said:
        assert step == 4
        told |= values
    assert told == {"loss": 0.5, "images": 32.0}
    assert libraries[module].closed
    assert "mine" in str(libraries[module].given)


@pytest.mark.parametrize("name", TRACKERS)
def test_what_is_not_installed_is_named(monkeypatch, tmp_path, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=f"pip install {name}"):
        careful_tracker(name, tmp_path)


def test_an_unknown_tracker_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'wandb'"):
        careful_tracker("wanbd", tmp_path)


def test_a_run_tells_every_line_and_outlives_a_broken_tracker(make_step, network, tmp_path, capsys):
    step, good = make_step(num_steps=5, log_interval=2), Recorder()
    trackers = [Careful("broken", Broken), Careful("good", lambda: good)]
    trainer = Trainer(Alone(network), step, tmp_path, describe=lambda n: {}, trackers=trackers, listener=SILENT)
    assert trainer.run().step == 5
    assert [row["step"] for row in good.said] == [2, 4, 5]
    assert good.closed
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "warning: tracker broken: ConnectionError: no network; it is told nothing more"


def test_a_tracker_that_cannot_begin_stops_nothing(capsys):
    def refuse():
        raise ConnectionError("no key")

    tracker = Careful("wandb", refuse)
    tracker.log(ROW)
    tracker.log(ROW)
    tracker.close()
    assert capsys.readouterr().err == "warning: tracker wandb: ConnectionError: no key; it is told nothing more\n"


def test_a_tracker_begins_with_the_first_line(libraries, tmp_path):
    tracker = careful_tracker("wandb", tmp_path / "mine")
    assert not libraries
    tracker.close()
    assert not libraries
    tracker.log(ROW)
    assert libraries["wandb"].said == [(4, {"loss": 0.5, "images": 32.0})]


def test_runs_of_one_name_in_two_places_are_two(libraries, tmp_path):
    idents = set()
    for place in ("a", "b", "b"):
        TRACKERS.build("wandb", {}, run_folder=tmp_path / place / "mine")
        idents.add(libraries["wandb"].given[1]["id"])
    assert len(idents) == 2


@pytest.mark.parametrize("name", TRACKERS)
def test_a_folder_of_the_name_of_a_library_is_none(monkeypatch, tmp_path, name):
    (tmp_path / name).mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(SettingsError, match=f"pip install {name}"):
        careful_tracker(name, tmp_path / "run")
