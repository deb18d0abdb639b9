"""What is measured of a run: speeds of batches that double, and the memory that follows from two of them."""

import pytest

from idm.bench.of_run import measure_run
from idm.bench.random_data import RandomData
from idm.cli import main
from idm.core.errors import ProcessError
from idm.run import load


@pytest.fixture(scope="module")
def run(tiny_run):
    return load(tiny_run, device="cpu")


def test_batches_double_and_the_run_stays_what_it_is(run):
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    found = measure_run(run, largest=4)
    for speeds in (found.sampling, found.training):
        assert [speed.size for speed in speeds] == [1, 2, 4]
        assert all(speed.samples_per_second > 0 for speed in speeds)
    assert (found.steps, found.batch_size) == (3, 4)
    assert all(before[name].equal(value) for name, value in run.network.state_dict().items())
    assert not run.network.training


def test_memory_holds_at_least_the_weights_four_times(run):
    found = measure_run(run, largest=1)
    weights = sum(value.numel() * 4 for value in run.network.parameters())
    assert found.memory_bytes > 4 * weights  # weights, gradients and two moments
    assert found.largest_batch > found.batch_size


def test_memory_that_is_short_ends_the_larger_batches_alone(run, monkeypatch):
    monkeypatch.setattr("idm.bench.of_run.step_memory", lambda build, device: 1000)
    kind = type(run.network)
    forward = kind.forward

    def short(most):
        def call(self, x, *args, **kwargs):
            if len(x) > most:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return forward(self, x, *args, **kwargs)

        return call

    monkeypatch.setattr(kind, "forward", short(2))
    assert [speed.size for speed in measure_run(run, largest=8).sampling] == [1, 2]
    monkeypatch.setattr(kind, "forward", short(0))
    with pytest.raises(ProcessError, match="not enough even for single samples"):
        measure_run(run, largest=8)


def test_no_largest_batch_is_told_where_the_system_does_not_tell_its_memory(run, capsys, monkeypatch):
    monkeypatch.setattr("idm.core.memory.os.sysconf_names", {})
    monkeypatch.setattr("idm.bench.of_run.LARGEST_TRIED", 1)
    assert measure_run(run).largest_batch is None
    assert main(["bench", str(run.folder), "--device", "cpu"]) == 0
    assert "largest batch" not in capsys.readouterr().out


def test_memory_that_is_short_for_a_training_step_is_said_in_a_line(run, monkeypatch):
    def short(build, device):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr("idm.bench.of_run.step_memory", short)
    with pytest.raises(ProcessError, match="not enough even for a few samples"):
        measure_run(run)


def test_random_data_are_like_those_of_the_run(run):
    source = RandomData.like(run.spec)
    values = source[0]
    assert (values.shape, values.dtype.name) == ((1, 8, 8), "uint8")
    assert sorted(set(source.labels)) == list(range(10))


def test_the_verb_shows_a_row_per_batch(run, capsys, monkeypatch):
    monkeypatch.setattr("idm.bench.of_run.LARGEST_TRIED", 2)
    assert main(["bench", str(run.folder), "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "samples per second" in shown
    assert "largest batch" in shown
