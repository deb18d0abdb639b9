"""SIGTERM at random moments of opening, training, drawing, measuring, sampling and scoring: saved in time."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from idm.cli import main
from idm.storage import open_checkpoint

pytestmark = pytest.mark.usefixtures("default_signals")

PROMISED_SECONDS, CALL_SECONDS = 5.0, 1.0
"""What is promised; and what a call of the network below, which takes milliseconds, takes on a busy machine."""

SETTINGS = {
    "training.num_steps": 100_000,
    "training.batch_size": 8,
    "training.log_interval": 1,
    "training.save_interval": 7,
    "training.sample_interval": 2,
    "training.bound_interval": 3,
    "schedule.num_timesteps": 200,
    "network.model_channels": 8,
    "network.num_res_blocks": 1,
    "network.channel_mult": "1,2",
    "network.attention_resolutions": "2",
    "network.num_heads": 2,
    "sampler.steps": 0,
}
"""Steps that take a moment between samples, bounds and checkpoints that take seconds, of calls that take a moment."""

TRAIN = [
    "train",
    "--preset",
    "digits",
    *(part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")),
]
CODE = 128 + signal.SIGTERM
COMMANDS = {
    "train": (TRAIN, 75),
    "sample": (["sample", "RUN", "--num", "500", "--batch-size", "50", "--sampler", "ddpm"], 75),
    "one batch": (["sample", "RUN", "--num", "500", "--batch-size", "500", "--sampler", "ddpm"], 75),
    "evaluate": (["evaluate", "RUN", "--batch-size", "16", "--samples", "500"], 75),
    "encode": (["encode", "RUN", "held-out:0-99", "--steps", "180", "--batch-size", "5"], CODE),
}
"""What is stopped, and with which exit code that ends."""


def start(arguments: list[str], told: Path) -> int:
    """Run a command in a copy of this process, which has everything imported; what it tells goes to a file."""
    child = os.fork()
    if child == 0:
        sys.stdout = sys.stderr = told.open("w")
        torch.set_num_threads(1)
        os._exit(main(arguments))
    return child


def seconds_to_end(pid: int) -> tuple[float, int]:
    """Send SIGTERM; return how long the process takes, and its exit code."""
    begin = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    _, status = os.waitpid(pid, 0)
    return time.monotonic() - begin, os.waitstatus_to_exitcode(status)


def saved(told: str, run_folder: Path) -> bool:
    """Whether a run says what is there: a checkpoint of the step it stopped at, or nothing where it did not begin."""
    if step := re.search(r"stopped at step ([\d,]+) of", told):
        return open_checkpoint(run_folder).step == int(step.group(1).replace(",", ""))
    return re.search("nothing (new )?to save", told) is not None and not (run_folder / "checkpoints").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run = tmp_path_factory.mktemp("trained") / "run"
    few = ["--set", "training.num_steps=2", "--set", "training.sample_interval=0", "--set", "training.bound_interval=0"]
    told = run.with_name("told")
    assert os.waitstatus_to_exitcode(os.waitpid(start([*TRAIN, *few, "--out", str(run)], told), 0)[1]) == 0
    return run


def test_a_stop_at_a_random_moment_is_heard_in_time(tmp_path, trained, prove, record):
    rng, found = random.Random(0), []
    for number in range(30 if prove else 5):
        kind = list(COMMANDS)[number % len(COMMANDS)]
        arguments, wanted = COMMANDS[kind]
        out, told = tmp_path / f"{number}", tmp_path / f"told-{number}"
        name = out / "x.safetensors" if kind == "encode" else out
        command = [str(trained) if argument == "RUN" else argument for argument in arguments]
        child = start([*command, "--out", str(name)], told)
        wait_until_it_hears(child)
        time.sleep(rng.uniform(0.0, 6.0 if prove else 2.0))
        seconds, code = seconds_to_end(child)
        text = told.read_text()
        assert code == wanted, f"{kind}: {text}"
        assert "Traceback" not in text
        assert seconds <= PROMISED_SECONDS + CALL_SECONDS, kind
        assert kind != "train" or saved(text, out), text
        found.append(seconds)
    tell(record, found, 30)


def test_a_stop_at_a_random_moment_of_starting_is_heard_in_time(tmp_path, prove, record):
    rng, found = random.Random(1), []
    for number in range(10 if prove else 1):
        run = tmp_path / f"{number}"
        command = [sys.executable, "-m", "idm", *TRAIN, "--out", str(run)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            wait_until_it_hears(process.pid)
            time.sleep(rng.uniform(0.0, 3.0 if prove else 1.0))
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            text, _ = process.communicate()
            found.append(time.monotonic() - begin)
        assert process.returncode == 75, text
        assert "Traceback" not in text
        assert found[-1] <= PROMISED_SECONDS + CALL_SECONDS
        assert saved(text, run), text
    tell(record, found, 10)


def wait_until_it_hears(pid: int) -> None:
    end = time.monotonic() + 60
    while not hears(pid):
        assert time.monotonic() < end
        time.sleep(0.005)


def hears(pid: int) -> bool:
    """Whether a process handles SIGTERM, which the program begins with soon after its start."""
    (mask,) = re.findall(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return bool(int(mask, 16) >> (signal.SIGTERM - 1) & 1)


def tell(record, found: list[float], wanted: int) -> None:
    promise = "SIGTERM at random moments {}: saved, and over within 5 s and a call of the network"
    when = "of starting" if wanted == 10 else "of work"
    middle = sorted(found)[len(found) // 2]
    record(
        promise.format(when), f"{len(found)} of {wanted}, {middle:.1f} s in the middle and {max(found):.1f} s at most"
    )
