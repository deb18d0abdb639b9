"""Averages stored along a run: whole whatever happens, and added up exactly."""

import importlib.util
from pathlib import Path

import pytest
import torch

from idm.core.errors import CheckpointError, NumericalError
from idm.storage import Checkpoint
from idm.storage.checkpoint import write_folder
from idm.storage.manifest import damage
from idm.training.ema import Averages, PowerFunction
from idm.training.power_function import Average, combine, gamma_of
from idm.training.snapshots import blend, discard_after, save_snapshot, snapshots_until

spec = importlib.util.spec_from_file_location("operations", Path(__file__).with_name("operations.py"))
operations = importlib.util.module_from_spec(spec)
spec.loader.exec_module(operations)


def weights(value):
    return {"a": torch.full((2, 3), value), "b": torch.tensor(2 * value)}


def test_snapshots_are_found_up_to_a_checkpoint_and_blended(tmp_path):
    for step in (10, 20, 30, 40):
        save_snapshot(tmp_path, step, {"power-0.05": weights(1.0 * step), "power-0.1": weights(-1.0 * step)})
    last = tmp_path / "checkpoints" / "step-00000030"
    write_folder(last, 30, tensors={"power-0.05": weights(3.0), "ema-0.9": weights(9.0)}, documents={})
    (tmp_path / "averages" / "step-00000020" / "power-0.1.safetensors").write_bytes(b"damaged")
    found = snapshots_until(tmp_path, Checkpoint(last))
    names = [(snapshot.average.step, snapshot.path.stem) for snapshot in found]
    assert names == [(10, "power-0.05"), (10, "power-0.1"), (30, "power-0.05")]
    assert found[0].average.gamma == gamma_of(0.05)
    made = blend(found, [0.5, 0.25, 2.0])
    assert made.keys() == {"a", "b"}
    assert made["a"].tolist() == [[0.5 * 10 - 0.25 * 10 + 2 * 3.0] * 3] * 2
    assert made["b"].item() == 2 * made["a"][0, 0].item()
    assert made["a"].dtype == torch.float32


def test_snapshots_of_undone_steps_go(tmp_path):
    for step in (10, 20, 30):
        save_snapshot(tmp_path, step, {"power-0.05": weights(1.0)})
    discard_after(tmp_path, 20)
    assert sorted(path.name for path in (tmp_path / "averages").iterdir()) == ["step-00000010", "step-00000020"]


def test_what_a_crash_left_goes(tmp_path):
    save_snapshot(tmp_path, 10, {"power-0.05": weights(1.0)})
    for leftover in (".step-00000010.gone", ".step-00000020.partial"):
        (tmp_path / "averages" / leftover).mkdir()
    (tmp_path / "averages" / "sigma-rel-0.08").mkdir()
    discard_after(tmp_path, 20)
    assert sorted(path.name for path in (tmp_path / "averages").iterdir()) == ["sigma-rel-0.08", "step-00000010"]


def go_on(run, step):
    """Do as a run from a checkpoint of that step, 20 or none, to step 40."""
    discard_after(run, step)
    for number in range(step + 10, 50, 10):
        save_snapshot(run, number, {"power-0.05": weights(1.0 * number)})


def stored(run):
    return {path.name: damage(path) for path in (run / "averages").iterdir()}


def test_a_crash_at_any_operation_leaves_whole_snapshots_and_nothing_else(tmp_path):
    count, whole = operations.Countdown(), {f"step-000000{number}": "" for number in (10, 20, 30, 40)}
    go_on(tmp_path / "whole", 0)
    with operations.watched(count):
        go_on(tmp_path / "whole", 20)
    assert stored(tmp_path / "whole") == whole
    assert count.seen > 20
    for at in range(1, count.seen + 1):
        run = tmp_path / f"run-{at}"
        go_on(run, 0)

        def crash(run=run, at=at):
            with operations.watched(operations.Countdown(operations.die, at)):
                go_on(run, 20)

        assert operations.in_a_fork(crash) == 137
        seen = {name: problem for name, problem in stored(run).items() if name.startswith("step-")}
        assert {"step-00000010", "step-00000020"} <= seen.keys()
        assert not any(seen.values()), f"damaged after a crash at operation {at}"
        go_on(run, 20)
        assert stored(run) == whole


def test_a_full_disk_is_told_and_spoils_no_other_snapshot(tmp_path):
    save_snapshot(tmp_path, 10, {"power-0.05": weights(1.0)})
    refusing = operations.Countdown(operations.full_disk, 1, names=operations.WRITES, and_after=True)
    with operations.watched(refusing), pytest.raises(CheckpointError, match="No space left") as error:
        save_snapshot(tmp_path, 20, {"power-0.05": weights(2.0)})
    assert len(error.value.lines) == 1
    assert stored(tmp_path) == {"step-00000010": ""}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_stored(tmp_path, value):
    with pytest.raises(NumericalError, match="not finite; nothing is written"):
        save_snapshot(tmp_path, 20, {"power-0.05": weights(value)})
    assert stored(tmp_path) == {}


def snapshots_of(run, *values):
    """Store averages of whole tensors of those values, one step after the other."""
    for step, value in enumerate(values, start=1):
        save_snapshot(run, step, {"power-0.05": weights(value)})
    last = run / "checkpoints" / "step-00000099"
    write_folder(last, 99, tensors={"ema-0.9": weights(0.0)}, documents={})
    return snapshots_until(run, Checkpoint(last))


def test_sums_keep_what_float32_would_lose(tmp_path):
    made = blend(snapshots_of(tmp_path, 1.0, 1.0, 1.0), [1e8, 1.0, -1e8])
    assert made["a"].unique().tolist() == [1.0]
    assert made["b"].item() == 2.0


def test_averages_of_another_network_are_refused_in_a_line(tmp_path):
    save_snapshot(tmp_path, 1, {"power-0.05": weights(1.0) | {"c": torch.ones(2)}})
    found = snapshots_of(tmp_path / "other", 1.0)
    (first,) = snapshots_until(tmp_path, Checkpoint(tmp_path / "other" / "checkpoints" / "step-00000099"))
    with pytest.raises(CheckpointError, match="cannot be added up") as error:
        blend([first, *found], [0.5, 0.5])
    assert len(error.value.lines) == 1


@pytest.mark.parametrize("sigma_rel", [0.05, 0.08, 0.15])
def test_an_average_made_afterwards_is_the_one_kept_all_along(network, tmp_path, sigma_rel):
    steps, widths = 960, (0.05, 0.1)
    profiles = [*map(PowerFunction, widths), PowerFunction(sigma_rel)]
    averages = Averages(network.state_dict(keep_vars=True), profiles)
    torch.manual_seed(0)
    for step in range(1, steps + 1):
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.01 * torch.randn_like(parameter))
        averages.update()
        if step % 30 == 0:
            save_snapshot(tmp_path, step, {profiles[i].name: averages.state(i) for i in range(len(widths))})
    kept, nearest = averages.state(2)["map.weight"], averages.state(1)["map.weight"]
    last = Checkpoint(tmp_path / "averages" / f"step-{steps:08d}")
    found = snapshots_until(tmp_path, last)
    assert len(found) == 64
    combination = combine([snapshot.average for snapshot in found], Average(steps, gamma_of(sigma_rel)))
    made = blend(found, combination.weights)["map.weight"]
    assert (nearest - kept).abs().max() > 0.005
    assert (made - kept).abs().max() < 5e-5
