"""Where memory is short, micro-batches shrink, and nothing else changes."""

import json
import math
from contextlib import suppress

import pytest
import torch

from idm.core.errors import ProcessError
from idm.core.ranks import Ranks
from idm.training import Trainer
from idm.training.memory import MEMORY, MicroBatches, in_smaller_pieces, is_out_of_memory
from idm.training.spread import Alone

from .together import run_together

MESSAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried ..."),
]


class Narrow(torch.nn.Module):
    """A network that has room for so many samples only, and counts its calls."""

    def __init__(self, network, room, error):
        super().__init__()
        self.network, self.room, self.error, self.sizes = network, room, error, []

    def forward(self, x, time, /, y=None):
        self.sizes.append(len(x))
        if len(x) > self.room:
            raise self.error
        return self.network(x, time, y=y)


@pytest.fixture
def gradient(make_step, network, tmp_path):
    """Return the gradient of a step on a network with so much room, and the sizes of the calls."""

    def of(room, error=MESSAGES[0], **settings):
        narrow = Narrow(network, room, error)
        narrow.zero_grad()
        step = make_step(net=narrow, **settings)
        step.micro_batches.remember_in(tmp_path, Ranks())
        trainer_meter = _Meter()
        batch = step.accumulate_gradients(3, Alone(narrow), trainer_meter)
        return torch.cat([p.grad.flatten() for p in network.parameters()]), narrow.sizes, batch, trainer_meter

    return of


class _Meter:
    """Counts the samples it is told of."""

    def __init__(self):
        self.count = 0

    def add(self, t, terms):
        self.count += len(t)


@pytest.fixture(autouse=True)
def any_meter(monkeypatch, unchecked_types):
    """The step is told of a stand-in for a meter."""


@pytest.mark.parametrize("error", MESSAGES)
@pytest.mark.parametrize("room", [8, 7, 4, 3, 2, 1])
def test_the_gradient_is_that_of_the_whole_batch(gradient, room, error):
    whole, sizes, batch, _ = gradient(8)
    assert sizes == [8]
    small, sizes, small_batch, meter = gradient(room, error)
    torch.testing.assert_close(small, whole, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(small_batch.loss, batch.loss)
    assert meter.count == 8
    retries = sum(size > room for size in sizes)
    assert retries <= math.ceil(math.log2(8 / room)) + 1
    assert sum(size for size in sizes if size <= room) == 8


def test_a_single_image_too_many_ends_the_run(gradient):
    with pytest.raises(ProcessError, match="out of memory with a single image") as error:
        gradient(0)
    assert error.value.exit_code == 6


@pytest.mark.parametrize("error", MESSAGES)
def test_outside_of_a_run_nothing_is_split(make_step, network, error):
    narrow = Narrow(network, 7, error)
    with pytest.raises(type(error)) as raised:
        make_step(net=narrow).accumulate_gradients(3, Alone(narrow), _Meter())
    assert raised.value is error
    assert narrow.sizes == [8]


def test_other_errors_are_not_taken_for_it(gradient):
    with pytest.raises(RuntimeError, match="shapes differ"):
        gradient(0, RuntimeError("shapes differ"))
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def test_a_run_remembers_what_it_found(make_step, network, tmp_path, capsys):
    def train(room, steps):
        narrow = Narrow(network, room, MESSAGES[0])
        step = make_step(net=narrow, num_steps=steps)
        describe = lambda averaged: {}  # noqa: E731
        Trainer(Alone(narrow), step, tmp_path, describe=describe).run()
        return narrow.sizes

    assert train(3, 2) == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]
    assert json.loads((tmp_path / MEMORY).read_text())["size"] == 2
    assert "out of memory; going on with micro-batches of 2" in capsys.readouterr().err
    assert train(3, 3) == [2] * 4
    assert "micro-batches of 2, because memory was short before" in capsys.readouterr().err


@pytest.mark.parametrize("error", MESSAGES)
def test_work_is_done_in_smaller_pieces_where_memory_is_short(error):
    tried = []

    def work(size):
        tried.append(size)
        if size > 2:
            raise error
        return f"done by {size}"

    assert in_smaller_pieces(13, work) == "done by 2"
    assert tried == [13, 7, 4, 2]


def test_work_that_single_images_are_too_much_for_ends_with_a_reason():
    def work(size):
        raise MESSAGES[0]

    with pytest.raises(ProcessError, match="out of memory with a single image at a time"):
        in_smaller_pieces(4, work)


def test_other_errors_of_work_are_its_own():
    def work(size):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        in_smaller_pieces(4, work)


def test_processes_that_are_short_of_memory_together_do_not_get_in_each_others_way(tmp_path):
    def work(ranks):
        for _ in range(20):
            batches = MicroBatches(64, 0, ranks.size)
            batches.remember_in(tmp_path, Ranks())
            with suppress(ProcessError):
                batches.shrink(ranks)
            (tmp_path / MEMORY).unlink(missing_ok=True)
        return "all ended with the same error"

    run_together(3, tmp_path / "ranks", work)
    assert not list(tmp_path.glob(".*"))


def test_a_disk_that_refuses_the_memory_is_no_other_error(tmp_path):
    batches = MicroBatches(8, 0, 2)
    batches.remember_in(tmp_path / "not there", Ranks())
    with pytest.raises(ProcessError, match="out of memory"):
        batches.shrink(Ranks(1, 2))


@pytest.mark.parametrize("content", ["", "[]", "{", '{"size": 1}', '{"size": "2", "processes": 1}'])
def test_a_damaged_memory_is_ignored(tmp_path, content):
    (tmp_path / MEMORY).write_text(content)
    batches = MicroBatches(8, 0, 1)
    batches.remember_in(tmp_path, Ranks())
    assert batches.size == 8


def test_of_several_processes_all_end_and_begin_again_smaller(tmp_path):
    batches = MicroBatches(8, 0, 2)
    batches.remember_in(tmp_path, Ranks())
    with pytest.raises(ProcessError, match=r"process 1 of 2: out of memory.*micro-batches of 2"):
        batches.shrink(Ranks(1, 2))
    again = MicroBatches(8, 0, 2)
    again.remember_in(tmp_path, Ranks())
    assert (again.size, again.count) == (2, 2)
    alone = MicroBatches(8, 0, 1)
    alone.remember_in(tmp_path, Ranks())
    assert alone.size == 8


@pytest.mark.parametrize(
    ("batch_size", "processes"), [(b, p) for b in (1, 2, 7, 8, 13) for p in (1, 2, 3, 7) if p <= b]
)
@pytest.mark.parametrize("micro", [0, 1, 2, 5])
def test_every_process_has_as_many_micro_batches_none_of_them_empty(batch_size, processes, micro):
    batches = MicroBatches(batch_size, micro, processes)
    for rank in range(processes):
        share = len(range(batch_size)[Ranks(rank, processes).share(batch_size)])
        parts = batches.parts(share)
        assert len(parts) == batches.count
        assert [i for part in parts for i in range(share)[part]] == list(range(share))
        sizes = [part.stop - part.start for part in parts]
        assert min(sizes) >= 1
        if micro and share >= micro:
            assert max(sizes) <= max(micro, -(-share // batches.count))
