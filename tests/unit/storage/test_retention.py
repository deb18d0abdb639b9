"""What is kept, and that nothing is dropped before there is something better."""

import os
import random

import pytest
import torch

from idm.core.errors import CheckpointError, NumericalError
from idm.storage import Retention, latest_checkpoint, save_checkpoint
from idm.storage import checkpoint as checkpoint_module
from idm.storage import newest as newest_module
from idm.storage.manifest import Score, damage, score_of
from idm.storage.newest import read_newest
from idm.storage.retention import discard, folders, sweep


def save(run, step, keep=None, value=None, name="loss"):
    score = None if value is None else Score(name, value)
    tensors = {"network": {"w": torch.full((3,), float(step))}}
    return save_checkpoint(run, step, tensors=tensors, documents={"training": {"step": step}}, keep=keep, score=score)


def spoil(path):
    (path / "training.json").write_text("{}")


def steps(run):
    return [int(path.name[5:]) for path in folders(run)]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        (Retention(2), [8, 9]),
        (Retention(4), [6, 7, 8, 9]),
        (Retention(2, every=3), [3, 6, 8, 9]),
        (Retention(2, best=1), [4, 8, 9]),
        (Retention(2, every=5, best=2), [4, 5, 8, 9]),
        (Retention(2, best=2**63), list(range(1, 10))),
    ],
)
def test_newest_regular_and_best_are_kept(tmp_path, keep, kept):
    scores = {4: 0.1, 5: 0.2}
    for step in range(1, 10):
        save(tmp_path, step, keep, scores.get(step, 1.0))
    assert steps(tmp_path) == kept


def test_damaged_checkpoints_do_not_count_among_those_kept(tmp_path):
    for step in (1, 2, 3):
        save(tmp_path, step, Retention(3))
    spoil(save(tmp_path, 4, Retention(3)).path)
    save(tmp_path, 5, Retention(3))
    assert steps(tmp_path) == [2, 3, 4, 5]
    save(tmp_path, 6, Retention(3))
    assert steps(tmp_path) == [3, 4, 5, 6]
    save(tmp_path, 7, Retention(3))
    assert steps(tmp_path) == [5, 6, 7]


def test_a_damaged_one_is_not_the_best(tmp_path):
    keep = Retention(2, best=1)
    for step, score in ((1, 0.3), (2, 0.1), (3, 0.5), (4, 0.5)):
        path = save(tmp_path, step, keep, score).path
        if step == 2:
            spoil(path)
    assert steps(tmp_path) == [1, 3, 4]


def test_a_score_is_read_back(tmp_path):
    assert score_of(save(tmp_path, 1, value=0.25).path) == Score("loss", 0.25)
    assert score_of(save(tmp_path, 2).path) is None


def test_scores_of_other_names_are_not_compared(tmp_path):
    keep = Retention(2, best=1)
    for step, (name, value) in enumerate([("loss", 0.1), ("bpd", 3.0), ("bpd", 4.0), ("bpd", 5.0)], start=1):
        save(tmp_path, step, keep, value, name)
    assert steps(tmp_path) == [2, 3, 4]


@pytest.mark.parametrize("figures", [{}, {"bpd": float("nan")}, {"bpd": float("inf"), "error": 1.0}])
def test_what_is_not_finite_is_no_score(figures):
    assert Score.of(figures) is None


@pytest.mark.parametrize("plain", [{"name": "bpd", "value": "3"}, {"value": 1.0}, [], "3", {"name": "a", "value": 1}])
def test_a_score_that_is_none_is_refused(plain):
    with pytest.raises(ValueError, match="a name and a finite number wanted"):
        Score.from_plain(plain)


def test_nothing_is_dropped_if_the_new_one_reads_back_otherwise(tmp_path, monkeypatch):
    save(tmp_path, 1)
    save(tmp_path, 2)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "damage", lambda path: "a lying disk")
        with pytest.raises(CheckpointError, match="a lying disk"):
            save(tmp_path, 3)
    assert steps(tmp_path) == [1, 2]
    assert latest_checkpoint(tmp_path).step == 2


def test_what_is_not_finite_is_not_written(tmp_path):
    for value in (float("nan"), float("inf"), float("-inf")):
        tensors = {"network": {"w": torch.tensor([1.0, value])}}
        with pytest.raises(NumericalError, match="network w is not finite"):
            save_checkpoint(tmp_path, 1, tensors=tensors, documents={})
        with pytest.raises(NumericalError, match=r"data\.json is not finite"):
            save_checkpoint(tmp_path, 1, tensors={}, documents={"data": {"x": value}})
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_checkpoint_that_lacks_only_its_name_gets_it(tmp_path):
    whole = save(tmp_path, 3).path
    whole.rename(whole.with_name(".step-00000003.partial"))
    assert latest_checkpoint(tmp_path) is None
    sweep(tmp_path)
    assert latest_checkpoint(tmp_path).step == 3
    spoil(whole)
    whole.rename(whole.with_name(".step-00000003.partial"))
    sweep(tmp_path)
    assert list((tmp_path / "checkpoints").iterdir()) == []


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_enough_intact_ones_are_left(tmp_path, seed, monkeypatch):
    rng, keep = random.Random(seed), Retention(2)
    intact, step, spoiled = set(), 0, 0
    for _ in range(40):
        action = rng.choice(["save", "save", "refuse", "spoil", "sweep"])
        if action == "spoil" and len(intact) > 1:
            spoiled += 1
            victim = rng.choice(sorted(intact))
            spoil(tmp_path / "checkpoints" / f"step-{victim:08d}")
            intact.discard(victim)
        elif action == "sweep":
            sweep(tmp_path)
        elif action in ("save", "refuse"):
            step += 1
            with monkeypatch.context() as patch:
                if action == "refuse":
                    calls = rng.randrange(1, 9)
                    patch.setattr(os, "fsync", refuse_from(calls))
                try:
                    save(tmp_path, step, keep)
                    intact.add(step)
                except CheckpointError:
                    pass
        found = {int(path.name[5:]) for path in folders(tmp_path) if not damage(path)}
        assert len(found) >= min(2, len(intact))
        assert max(found, default=0) >= max(intact, default=0)
        intact = found
    assert spoiled > 2


def refuse_from(calls):
    left = [calls]

    def fsync(descriptor):
        left[0] -= 1
        if left[0] <= 0:
            raise OSError(28, "No space left on device")

    return fsync


def drop_while_it_is_read(run, old, new):
    """Return what reads a checkpoint, the first of which training drops meanwhile, having written a newer one."""

    def read(checkpoint):
        if checkpoint.step == old:
            save(run, new, Retention(1))
        return checkpoint.document("training")["step"]

    return read


def test_where_training_drops_what_is_read_the_newest_then_is_read(tmp_path):
    save(tmp_path, 1)
    assert read_newest(tmp_path, drop_while_it_is_read(tmp_path, 1, 2)) == 2


def test_one_checkpoint_that_was_asked_for_is_not_exchanged_for_another(tmp_path):
    path = save(tmp_path, 1).path
    with pytest.raises(CheckpointError, match="cannot read training"):
        read_newest(path, drop_while_it_is_read(tmp_path, 1, 2))


def test_a_checkpoint_that_is_gone_when_it_is_looked_at_is_not_called_damaged(tmp_path, monkeypatch, capsys):
    save(tmp_path, 1)
    save(tmp_path, 2)

    def looked_at(path):
        if path.name == "step-00000002":
            discard(path)
        return damage(path)

    monkeypatch.setattr(newest_module, "damage", looked_at)
    assert latest_checkpoint(tmp_path).step == 1
    assert "damaged" not in capsys.readouterr().err
