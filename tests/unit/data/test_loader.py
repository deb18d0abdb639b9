"""Batches are the same whoever reads them, and dead or hung readers are replaced or named; nobody is left behind."""

import gc
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import zarr

from idm.core.errors import DataError, ProcessError, SettingsError
from idm.data import (
    SOURCES,
    Codec,
    Dataset,
    Digits,
    Source,
    batch_indices,
    dataset,
    with_epochs,
)
from idm.data.reading import loader, reader, worker

NUM, SIZE = 40, 4


class Numbers(Source):
    """Sample i is full of i; ``before`` is called before each is read."""

    def __init__(self, before=lambda index: None):
        self.shape, self.dtype, self.levels, self.note = (1, 8, 8), np.dtype(np.uint8), 256, ""
        self.labels, self.class_names = np.arange(NUM), tuple(map(str, range(NUM)))
        self.names = tuple(f"{i}.png" for i in range(NUM))
        self.before = before

    def __len__(self):
        return NUM

    def read(self, indices):
        for index in indices:
            self.before(int(index))
        return np.broadcast_to(indices[:, None, None, None], (len(indices), *self.shape)).astype(np.uint8)


@pytest.fixture
def make(monkeypatch):
    """Build a dataset that is read as needed."""
    monkeypatch.setattr(dataset, "CACHE_BYTES", 0)

    def build(source=None, **options):
        source = source or Numbers()
        return Dataset(source, Codec.fit(source), np.arange(len(source)), labels=source.labels, **options)

    return build


def order(data, steps):
    return [with_epochs(batch_indices(5, step, SIZE, len(data)), step, len(data)) for step in range(steps)]


def same(found, expected):
    return len(found) == len(expected) and all(
        torch.equal(x, y) and torch.equal(a, b) for (x, a), (y, b) in zip(found, expected, strict=True)
    )


def running(parent):
    """Processes, but not dead ones, whose parent that is."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, its_parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(its_parent) == parent and state != "Z":
            found.append(int(entry.name))
    return found


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def within(seconds, condition):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.fixture
def children():
    """The processes that read; none may be left at the end."""
    before = set(running(os.getpid()))
    yield lambda: sorted(set(running(os.getpid())) - before)
    gc.collect()
    assert not set(running(os.getpid())) - before


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_batches_do_not_depend_on_who_reads_them(make, children, workers):
    data = make(Digits(), random_flip=True, crop=5, crop_seed=3, workers=workers)
    wanted = order(data, 40)
    batches = data.batches(iter(wanted))
    found = [next(batches)]
    assert len(children()) == workers
    assert same([*found, *batches], [data.batch(indices) for indices in wanted])
    assert next(batches, None) is None


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_an_endless_order_is_asked_for_no_more_than_is_read_ahead(make, children, workers):
    data, asked = make(workers=workers), itertools.count()
    batches = data.batches((batch_indices(0, step, SIZE, NUM) for step in asked), ahead=2)
    for _ in range(7):
        next(batches)
    assert next(asked) == 7 + 2 * max(1, workers)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_that_are_not_wanted_any_more_end_their_readers(make, children, workers):
    data = make(workers=workers)
    batches = data.batches(batch_indices(0, step, SIZE, NUM) for step in itertools.count())
    thread = next(batches) and batches._readers[0]._thread
    assert len(children()) == workers
    del batches
    gc.collect()
    assert not children()
    assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_or_stops_is_replaced(make, children, capfd, prove, record, number):
    rng = random.Random(int(number))
    data = make(Numbers(lambda index: time.sleep(0.002)), workers=2, timeout=1.0)
    wanted = order(data, 12)
    expected = [data.batch(indices) for indices in wanted]
    victims = 10 if prove else 3 - (number == signal.SIGSTOP) * 2
    for _ in range(victims):
        batches, moment = data.batches(wanted), rng.randrange(6)
        found = [next(batches) for _ in range(1 + moment)]
        time.sleep(rng.uniform(0, 0.02))
        victim = rng.choice(children())
        os.kill(victim, number)
        start = time.monotonic()
        found += batches
        assert time.monotonic() - start < 30
        assert same(found, expected)
        assert not children()
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1
        assert "warning: data: reading samples" in lines[0]
        assert ("ended its process (SIGKILL" if number == signal.SIGKILL else "took longer than 1 s") in lines[0]
    record("a reading process killed or stopped: replaced within 30 s, the same batches", victims)


def deadly(index):
    if index == 13:
        os.kill(os.getpid(), signal.SIGKILL)


def endless(index):
    if index == 13:
        time.sleep(10_000)


@pytest.mark.parametrize(
    ("before", "reason"), [(deadly, "ended its process \\(SIGKILL"), (endless, "took longer than 0.5 s")]
)
def test_a_sample_that_ends_or_stops_every_process_is_named(make, children, capfd, before, reason):
    data = make(Numbers(before), workers=2, timeout=0.5)
    batches = data.batches([np.arange(start, start + 4) for start in range(0, NUM, 4)])
    found = [next(batches) for _ in range(3)]
    assert same(found, [data.batch(np.arange(start, start + 4)) for start in (0, 4, 8)])
    with pytest.raises(ProcessError, match=f"^data: reading sample 13 \\(13.png\\) {reason}.*, as before; ") as caught:
        next(batches)
    assert (caught.value.code, caught.value.exit_code) == ("E600", 6)
    assert "samples 12, 13, 14, 15 (12.png, 13.png, 14.png, 15.png)" in capfd.readouterr().err
    assert not children()
    assert next(batches, None) is None


def test_a_thread_that_takes_too_long_is_not_waited_for(make):
    data = make(Numbers(endless), timeout=0.5)
    batches = data.batches([np.arange(8), np.arange(8, 16)])
    assert same([next(batches)], [data.batch(np.arange(8))])
    start = time.monotonic()
    names = ", ".join(f"{i}.png" for i in range(8, 16))
    with pytest.raises(ProcessError, match=f"samples 8, 9, .* 15 \\({names}\\) took longer than 0.5 s; check the disk"):
        next(batches)
    assert time.monotonic() - start < 10


def test_a_suspended_program_has_not_waited():
    def slow(indices):
        time.sleep(1.2)
        return torch.zeros(2, 1, 8, 8), None

    child = os.fork()
    if child == 0:
        thread = reader.ThreadReader(slow)
        thread.ask(np.arange(2))
        os._exit(thread.result(3.0)[0].shape != (2, 1, 8, 8))
    time.sleep(0.2)
    os.kill(child, signal.SIGSTOP)
    time.sleep(4)
    os.kill(child, signal.SIGCONT)
    assert os.waitpid(child, 0)[1] == 0


PROGRAMS = """
import gc, itertools, os, sys, time
import numpy as np
from idm.core.errors import IdmError
from idm.data import Codec, Dataset, Source, dataset

class Slow(Source):
    shape, dtype, levels, labels, class_names, note = (1, 8, 8), np.dtype(np.uint8), 17, None, None, ""
    def __len__(self):
        return 1000
    def read(self, indices):
        if indices[0] == 100:
            time.sleep(10_000)
        return np.zeros((len(indices), *self.shape), np.uint8)

gc.freeze()  # they end sooner
for line in sys.stdin:
    given, *outputs = line.split(";")
    child = os.fork()
    if child == 0:
        for stream, path in enumerate(outputs, 1):
            os.dup2(os.open(path.strip(), os.O_CREAT | os.O_WRONLY), stream)
        break
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()

dataset.CACHE_BYTES = 0
workers, last, timeout = int(given.split()[0]), int(given.split()[1]), float(given.split()[2])
data = Dataset(Slow(), Codec.quantized("uint8", 17), np.arange(1000), workers=workers, timeout=timeout)
batches = data.batches(np.arange(step, step + 4) for step in itertools.count(last))
try:
    next(batches), next(batches)
except IdmError as error:
    print(error)
    sys.exit(error.exit_code)
print("ready", flush=True)
if last == 1:
    time.sleep(10_000)
"""
"""For each line of its input it forks a program, which ends as programs do; torch is imported once for all."""


@pytest.fixture(scope="module")
def programs():
    with subprocess.Popen([sys.executable, "-c", PROGRAMS], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


@dataclass(frozen=True)
class Program:
    """A program that was started, and the files that hold what it says."""

    pid: int
    out: Path
    err: Path
    code: Callable[[], int]

    def ended(self, seconds):
        """Wait, and return what it said and its exit code."""
        assert within(seconds, lambda: not is_running(self.pid))
        return self.out.read_text(), self.err.read_text(), self.code()


@pytest.fixture
def program(programs, tmp_path):
    def start(*arguments):
        out, err = tmp_path / "out", tmp_path / "err"
        programs.stdin.write(f"{' '.join(map(str, arguments))};{out};{err}\n".encode())
        programs.stdin.flush()
        return Program(int(programs.stdout.readline()), out, err, lambda: int(programs.stdout.readline()))

    return start


@pytest.mark.parametrize("workers", [0, 2])
def test_a_program_ends_where_reading_hangs(program, workers):
    out, err, code = program(workers, 99, 1.0).ended(30)
    assert code == 6
    assert "took longer than 1 s" in out
    assert "Traceback" not in err


@pytest.mark.parametrize(("workers", "first"), [(0, 98), (2, 98), (2, 0)])
def test_a_program_that_ends_leaves_nothing_behind_even_while_a_read_hangs(program, workers, first):
    started = program(workers, first, 60.0)
    assert within(60, lambda: started.out.exists() and started.out.read_text() == "ready\n")
    pids = running(started.pid)
    assert started.ended(30) == ("ready\n", "", 0)
    assert within(10, lambda: not any(map(is_running, pids)))


def test_processes_end_with_a_killed_program(program):
    started = program(2, 1, 60.0)
    assert within(60, lambda: started.out.exists() and started.out.read_text() == "ready\n")
    pids = running(started.pid)
    assert len(pids) == 2
    os.kill(started.pid, signal.SIGKILL)
    assert started.ended(10) == ("ready\n", "", -signal.SIGKILL)
    assert within(10, lambda: not any(map(is_running, pids)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_signals_of_the_terminal_are_left_to_training(make, children, capfd, number):
    data = make(workers=2)
    batches = data.batches(order(data, 20))
    found, processes = [next(batches)], children()
    for pid in processes:
        os.kill(pid, number)
    found += itertools.islice(batches, 9)
    assert children() == processes
    assert same([*found, *batches], [data.batch(indices) for indices in order(data, 20)])
    assert capfd.readouterr() == ("", "")


def unreadable(index):
    if index == 13:
        raise DataError("13.png: cannot be read", "14.png: neither")


def broken(index):
    if index == 13:
        raise ZeroDivisionError("of the code")


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_the_data_come_at_their_batch(make, children, workers):
    batches = make(Numbers(unreadable), workers=workers).batches([np.arange(4), np.arange(12, 16), np.arange(4)])
    assert next(batches)[1].tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError) as caught:
        next(batches)
    assert caught.value.lines == ("13.png: cannot be read", "14.png: neither")
    assert not children()


def test_errors_of_the_code_bring_their_traceback(make, children):
    with pytest.raises(RuntimeError, match=r"(?s)ZeroDivisionError.*of the code.*in broken"):
        list(make(Numbers(broken), workers=1).batches([np.arange(12, 16)]))


@pytest.mark.parametrize("name", ["hdf5", "zarr"])
def test_open_files_are_read_by_several_at_a_time(make, children, tmp_path, name, prove):
    values = np.random.default_rng(0).integers(0, 256, (200, 3, 8, 8)).astype(np.uint8)
    if name == "hdf5":
        with h5py.File(tmp_path / "a", "w") as file:
            file.create_dataset("x", data=values, chunks=(7, 3, 8, 8), compression="gzip")
    else:
        zarr.create_array(str(tmp_path / "a"), data=values, chunks=(7, 3, 8, 8))
    source = SOURCES.build(name, {"path": str(tmp_path / "a")})
    data = Dataset(source, Codec.fit(source), np.arange(200), workers=3)
    wanted = [batch_indices(0, step, 16, 200) for step in range(30)]
    expected = [torch.from_numpy(values[indices].astype(np.float32)) / 127.5 - 1.0 for indices in wanted]
    for _ in range(20 if prove else 2):
        torch.randn(300, 300) @ torch.randn(300, 300)  # the threads of torch are there when processes are copied
        for (x, _), exact, indices in zip(data.batches(wanted), expected, wanted, strict=True):
            torch.testing.assert_close(x, exact, rtol=0, atol=1e-6)
            torch.testing.assert_close(data.batch(indices)[0], exact, rtol=0, atol=1e-6)


def test_new_processes_rebuild_what_they_cannot_copy(make, monkeypatch):
    monkeypatch.setattr(worker, "METHOD", "spawn")
    data = make(Digits(), workers=1, timeout=5.0)
    wanted = order(data, 3)
    assert same(list(data.batches(wanted)), [data.batch(indices) for indices in wanted])
    with pytest.raises(SettingsError, match=r"data\.workers: 0 wanted"):
        next(make(Numbers(lambda index: None), workers=1).batches(wanted))


@pytest.mark.parametrize("workers", [0, 1])
def test_time_spent_waiting_is_measured(make, children, workers):
    data = make(Numbers(lambda index: time.sleep(0.05)), workers=workers)
    batches = data.batches([np.arange(4)] * 2)
    start = time.monotonic()
    next(batches)  # reading begins only here
    assert 0.2 <= batches.seconds_waited() <= time.monotonic() - start
    assert batches.seconds_waited() == 0.0


def test_what_is_in_memory_is_not_waited_for(monkeypatch, children):
    read = []
    source = Numbers(read.append)
    data = Dataset(source, Codec.fit(source), np.arange(NUM), workers=2)
    assert len(set(read)) == NUM
    read.clear()
    batches = data.batches([np.arange(4)] * 3)
    assert [x.shape for x, _ in batches] == [(4, 1, 8, 8)] * 3
    assert not read
    assert batches.seconds_waited() < 0.5
    assert not children()


def test_a_hang_is_known_within_half_a_minute():
    assert loader.TIMEOUT_SECONDS < 30
