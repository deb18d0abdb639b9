"""Under torchrun: processes train, sample and stop together, and a dead one takes the others along or is replaced."""

import json
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch.distributed.run as torchrun

import idm.__main__ as program
from idm.storage import latest_checkpoint

from ..forks import torch
from ..once import made_once
from ..unit.training.together import free_port

SETTINGS = {
    "network.model_channels": 8,
    "network.num_res_blocks": 1,
    "network.channel_mult": "[1]",
    "network.attention_resolutions": "[1]",
    "network.num_heads": 1,
    "schedule.num_timesteps": 40,
    "diffusion.decoder_variance": "model",
    "sampler.steps": 4,
    "training.batch_size": 7,
    "training.num_steps": 60,
    "training.log_interval": 5,
    "training.save_interval": 10,
    "training.sample_interval": 0,
    "training.bound_interval": 0,
    "training.warmup_steps": 0,
}
WITHIN_SECONDS = 30.0
"""Seconds in which processes end or begin anew after one has died."""

PROGRAM = Path(program.__file__)
"""What ``python -m idm`` runs."""


ONE_MACHINE = ("--nproc-per-node", "2")
FORKED = ("--start-method", "fork", "--run-path", str(PROGRAM))
OF_ITS_OWN = ("-m", "idm", "--")


class Job:
    """``torchrun`` with two processes of the program, or with those of one of several machines.

    It and, unless it starts ``program`` as others do, they are copies of this process, which has imported in seconds
    what each would import for itself.
    """

    def __init__(self, *arguments, restarts=0, machines=ONE_MACHINE, program=FORKED):
        port = ["--master-port", str(free_port())]
        command = [*machines, *port, "--max-restarts", str(restarts), *program, *map(str, arguments)]
        self.told = [tempfile.TemporaryFile("w+") for _ in ("out", "err")]  # noqa: SIM115 - read when it has ended
        self.process = multiprocessing.get_context("fork").Process(target=_launch, args=(command, *self.told))
        self.process.start()
        self.seen = set()

    def ranks(self):
        """Process numbers of the ranks that run now, in order of their birth."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        alive = [int(number) for number in found if runs(number)]
        self.seen |= set(alive)
        return alive

    def end(self, seconds=120.0):
        """Wait; return the exit code and the lines of errors."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            pytest.fail(f"it did not end within {seconds} s")
        self.out, self.err = map(_text, self.told)
        return self.process.exitcode, errors_in(self.err)

    def leaves_nobody(self):
        return not any(map(runs, self.seen))


def _launch(command, out, err):
    """Be ``torchrun``, in a new process."""
    for number, file in ((1, out), (2, err)):
        os.dup2(file.fileno(), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    torchrun.main(command)


def _text(file):
    file.seek(0)
    return file.read()


def runs(number):
    """Whether a process has not ended."""
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


def errors_in(text):
    return [line for line in text.splitlines() if line.startswith("error[")]


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Start to train on pictures of an array, which takes no more than torch to be read."""
    pictures = tmp_path_factory.mktemp("data") / "pictures.npy"
    np.save(pictures, np.random.default_rng(0).integers(0, 17, (300, 8, 8)).astype(np.uint8))

    def start(run, restarts=0, machines=ONE_MACHINE, **changes):
        options = [f"--set={path}={value}" for path, value in {**SETTINGS, **changes}.items()]
        return Job("train", "--data", pictures, "--out", run, *options, restarts=restarts, machines=machines)

    return start


def wait_for_lines(run, count, job, seconds=60.0):
    end = time.monotonic() + seconds
    path = run / "metrics.jsonl"
    while time.monotonic() < end and job.process.is_alive():
        if path.is_file() and len(path.read_text().splitlines()) >= count:
            return
        time.sleep(0.02)
    pytest.fail(f"no {count} lines: {job.end()}")


def losses(run):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"], row["grad_norm"]) for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, train):
    """A run of two processes that nothing happens to."""

    def make(folder):
        job = train(folder)
        code, errors = job.end()
        assert (code, errors) == (0, [])
        assert "2 processes together" in job.out
        assert job.out.count("trained") == 1

    return made_once(tmp_path_factory, "whole", make)


def test_a_dead_process_is_replaced_and_nothing_is_lost(whole, train, tmp_path, prove, record):
    for number in range(10 if prove else 1):
        run = tmp_path / f"run-{number}"
        job = train(run, restarts=1)
        wait_for_lines(run, random.Random(number).randint(1, 9), job)
        victims = job.ranks()
        os.kill(victims[number % 2], signal.SIGKILL)
        killed = time.monotonic()
        while set(job.ranks()) & set(victims):
            assert time.monotonic() - killed < WITHIN_SECONDS
            time.sleep(0.05)
        code, _ = job.end()
        assert code == 0
        assert job.leaves_nobody()
        assert losses(run) == losses(whole)
    record("a dead process of two: replaced within 30 s, losses the same", f"{number + 1} of 10")


def test_on_several_machines_dead_processes_are_replaced_though_each_counts_its_own_restarts(whole, train, tmp_path):
    address = f"127.0.0.1:{free_port()}"
    machines = ("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", address)
    run = tmp_path / "run"
    jobs = [train(run, restarts=3, machines=machines) for _ in range(2)]
    for lines in (2, 5):  # twice on the same machine, where the other one sees a single failure more or less
        wait_for_lines(run, lines, jobs[0])
        (victim,) = jobs[1].ranks()
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        while victim in jobs[1].ranks():
            assert time.monotonic() - killed < WITHIN_SECONDS
            time.sleep(0.05)
    assert [job.end()[0] for job in jobs] == [0, 0]
    assert losses(run) == losses(whole)


def test_without_restarts_a_dead_process_ends_the_others_with_a_reason(whole, train, tmp_path, prove, record):
    if not prove:
        pytest.skip("only with --prove")
    for number in range(10):
        run = tmp_path / f"run-{number}"
        job = train(run)
        wait_for_lines(run, 3, job)
        dead = number % 2
        os.kill(job.ranks()[dead], signal.SIGKILL)
        code, errors = job.end(WITHIN_SECONDS)
        assert code == 1
        assert job.leaves_nobody()
        assert re.search(rf"Root Cause.*rank +: {dead} .*SIGKILL", job.err, re.DOTALL)  # torchrun's own words
        assert errors or dead == 0  # without the main process, torchrun ends the other before it speaks
        assert all("the connection to another process is lost" in line for line in errors)
        assert latest_checkpoint(run) is not None
    record("a dead process of two, without restarts: all end within 30 s, nobody left", f"{number + 1} of 10")


def test_a_request_to_stop_saves_once_and_the_run_goes_on_alone(whole, train, tmp_path, idm):
    run = tmp_path / "run"
    job = train(run)
    wait_for_lines(run, 2, job)
    job.ranks()
    job.process.terminate()
    code, errors = job.end(WITHIN_SECONDS)
    assert code == 1  # torchrun's own
    assert len(errors) == 1
    assert "training: stopped at step" in errors[0]
    assert job.leaves_nobody()
    assert idm("train", "--out", run).code == 0
    for ours, theirs in zip(losses(run), losses(whole), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)


def test_wrong_settings_are_told_once(train, tmp_path):
    job = train(tmp_path / "run", **{"training.batch_size": 1})
    code, errors = job.end()
    assert code == 1
    assert len(errors) == 1
    assert "an image for each of the 2 processes wanted" in errors[0]


def test_images_are_those_of_one_process_also_where_each_is_a_program_of_its_own(whole, tmp_path, idm):
    arguments = ("sample", whole, "--num", 13, "--batch-size", 3, "--seed", 4)
    job = Job(*arguments, "--out", tmp_path / "two", program=OF_ITS_OWN)
    assert job.end() == (0, [])
    assert idm(*arguments, "--out", tmp_path / "one").code == 0
    one, two = (np.load(tmp_path / name / "samples.npz") for name in ("one", "two"))
    for name in one:
        assert np.array_equal(one[name], two[name]), name
    assert sorted(path.name for path in (tmp_path / "one").rglob("*")) == sorted(
        path.name for path in (tmp_path / "two").rglob("*")
    )
