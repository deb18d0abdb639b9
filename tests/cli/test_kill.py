"""Killed at random moments, stopped by signals and by the clock: the end is as if nothing had happened."""

import itertools
import json
import os
import pty
import random
import select
import signal
import subprocess
import sys
import time

import pytest

from idm.cli import main
from idm.cli.app import VERBS
from idm.cli.endings import BEGUN_ANEW, CONTINUED_VERBS
from idm.storage import open_checkpoint
from idm.tasks import parts

from ..forks import torch

CLOCK = ("seconds", "waited", "images_per_second", "metrics_length", "events_length")
NO_PICTURES = {"training__sample_interval": 0, "sampler__steps": 1, "diffusion__decoder_variance": "model"}
LONG = {"training__num_steps": 100_000, "training__sample_interval": 0, "training__save_interval": 100_000}


pytestmark = pytest.mark.usefixtures("default_signals")


def everything(run):
    """All that must be the same at the end."""
    checkpoint = open_checkpoint(run)
    files = json.loads((checkpoint.path / "manifest.json").read_text())["files"]
    files["training.json"] = {k: v for k, v in checkpoint.document("training").items() if k not in CLOCK}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    averages = {file.relative_to(run): file.read_bytes() for file in sorted((run / "averages").rglob("*.*"))}
    assert not list(run.glob("events.jsonl"))
    return checkpoint.step, files, averages, [{k: v for k, v in row.items() if k not in CLOCK} for row in rows]


def start(command, *, before=lambda: None, told=os.devnull):
    """Run a command in a copy of this process, which has everything imported.

    ``before`` is called there first; what the command tells on standard error goes to the file ``told``.
    """
    child = os.fork()
    if child == 0:
        before()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(told, os.O_WRONLY | os.O_CREAT), 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w") for number in (1, 2))
        torch.set_num_threads(1)
        os._exit(main(command))
    return child


def exit_code(child, seconds=300):
    """Wait for a process, which must end within ``seconds``."""
    end, found = time.monotonic() + seconds, (0, 0)
    while found == (0, 0) and time.monotonic() < end:
        time.sleep(0.02)
        found = os.waitpid(child, os.WNOHANG)
    if found == (0, 0):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail(f"it did not end within {seconds} s")
    return os.waitstatus_to_exitcode(found[1])


def test_kills_at_random_moments_change_nothing(tmp_path, tiny, prove, record):
    options = tiny(
        training__num_steps=14,
        training__save_interval=4,
        training__log_interval=3,
        training__snapshot_interval=5,
        **NO_PICTURES,
    )

    def command(run):
        return ["train", "--preset", "digits", "--out", str(run), *options]

    began = time.monotonic()
    assert exit_code(start(command(tmp_path / "whole"))) == 0
    duration, rng = time.monotonic() - began, random.Random(0)
    expected, kills, wanted = everything(tmp_path / "whole"), 0, 50 if prove else 3
    assert expected[2]
    late = 0
    for number in range(10 * wanted):
        run = tmp_path / f"run-{number}"
        child = start(command(run))
        time.sleep(rng.uniform(0.05, 0.95) * duration)
        os.kill(child, signal.SIGKILL)
        if exit_code(child) == 0:  # it had finished: the first run took longer
            duration *= 0.8
            continue
        kills += 1
        late += any((run / "checkpoints").glob("step-*"))
        assert exit_code(start(command(run))) == 0
        assert everything(run) == expected, f"run {number}"
        if kills == wanted:
            break
    assert kills == wanted
    assert late > kills // 4 or not prove  # as many as that had a checkpoint to go on from
    record("kill -9 at random moments: the end is bit-identical", f"{kills} of 50")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny):
    """A run, made as others are here."""
    run = tmp_path_factory.mktemp("trained") / "run"
    assert exit_code(start(["train", "--preset", "digits", "--out", str(run), *tiny(**NO_PICTURES)])) == 0
    return run


LONG_JOBS = {
    "samples.npz": ("sample", "--num", "16", "--batch-size", "2", "--steps", "3", "--sampler", "ddpm"),
    "evaluation.json": ("evaluate", "--num", "64", "--batch-size", "16", "--steps", "4"),
}
PARTS = 3
"""Parts of eight, or of four, that are there when a long job is stopped."""


def get_a_signal(number):
    """Have this process send itself a signal as soon as so many parts are there, however fast it is."""
    write, written = parts.write_part, itertools.count(1)

    def write_and_look(*arguments):
        write(*arguments)
        if next(written) == PARTS:
            os.kill(os.getpid(), number)

    parts.write_part = write_and_look


@pytest.mark.parametrize("file", LONG_JOBS)
def test_a_long_job_goes_on_where_it_was(tmp_path, trained, file):
    verb, *options = LONG_JOBS[file]

    def command(out):
        return [verb, str(trained), *options, "--out", str(tmp_path / out)]

    def results(out):
        names = sorted(path.name for path in (tmp_path / out).rglob("*"))
        return names, (tmp_path / out / file).read_bytes()

    assert exit_code(start(command("whole"))) == 0
    for number in (signal.SIGTERM, signal.SIGKILL):
        child = start(command(number.name), before=lambda number=number: get_a_signal(number))
        assert exit_code(child) == (75 if number == signal.SIGTERM else -number)
        assert len(list((tmp_path / number.name).rglob("part-*"))) == PARTS
        assert exit_code(start(command(number.name))) == 0
        assert results(number.name) == results("whole")


def begin(tmp_path, tiny, before=lambda: None):
    """Start a long run, and wait until it trains."""
    command = ["train", "--preset", "digits", "--out", str(tmp_path / "a"), *tiny(**LONG)]
    child = start(command, before=before, told=tmp_path / "told")
    while not (tmp_path / "a" / "metrics.jsonl").exists():
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        time.sleep(0.05)
    return child


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_saves_and_exits_with_75(tmp_path, tiny, number):
    child = begin(tmp_path, tiny)
    os.kill(child, number)
    assert exit_code(child) == 75
    assert "Traceback" not in (tmp_path / "told").read_text()
    assert open_checkpoint(tmp_path / "a").step > 0


def test_a_closed_terminal_saves_and_exits_with_75(tmp_path, tiny):
    command = ["train", "--preset", "digits", "--out", str(tmp_path / "a"), *tiny(training__log_interval=1, **LONG)]
    child, terminal = pty.fork()
    if child == 0:
        sys.stdout, sys.stderr = (os.fdopen(number, "w") for number in (1, 2))
        torch.set_num_threads(1)
        os._exit(main(command))
    while not (tmp_path / "a" / "metrics.jsonl").exists():
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 1000)
    os.close(terminal)  # the system sends SIGHUP, and whatever is written from now on fails
    assert exit_code(child) == 75
    assert open_checkpoint(tmp_path / "a").step > 0


def test_a_run_that_a_signal_finds_at_its_start_has_nothing_to_save(tmp_path, tiny):
    command = ["train", "--preset", "digits", "--out", str(tmp_path / "a"), *tiny(**LONG)]
    script = "import os, signal, sys; from idm.cli import main; import idm.cli.app as app; app.keep_freed_memory = "
    script += "lambda: os.kill(os.getpid(), signal.SIGUSR1); sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 75
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error"))
    assert line == "error[E750]: idm train: stopped, with nothing new to save; run the same command to continue"
    assert not (tmp_path / "a").exists()


def test_a_verb_that_cannot_be_continued_ends_with_the_signal_s_code(tmp_path, run, idm, monkeypatch):
    monkeypatch.setattr("idm.run.carrying.refuse_dropout", lambda network: os.kill(os.getpid(), signal.SIGTERM))
    result = idm("encode", run, "held-out:0", "--out", tmp_path / "a.safetensors")
    assert (result.code, result.errors) == (128 + signal.SIGTERM, [])
    assert result.err.endswith(
        "idm encode: stopped before its end, of which nothing is kept; run the same command to begin anew\n"
    )


@pytest.mark.parametrize(
    ("verb", "busy"), [("calibrate", "calibrated.measure_and_train"), ("fit-solver", "measurable.fit_solver")]
)
def test_what_begins_anew_after_ctrl_c_says_so_and_leaves_the_run_as_it_was(run, idm, monkeypatch, verb, busy):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    monkeypatch.setattr(f"idm.run.{busy}", lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGINT))
    result = idm(verb, run)
    assert result.code == 130
    assert (
        f"idm {verb}: stopped before its end, of which nothing is kept; run the same command to begin anew"
        in result.err
    )
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


BEGINNINGS = {
    "tradeoff": ("tasks.tradeoff", ()),
    "compare": ("tasks.comparing", ("other",)),
    "train-classifier": ("run", ()),
    "restore": ("tasks.restoring", ("held-out:0", "--simulate", "--operator", "downsample:2")),
    "edit": ("tasks.restoring", ("held-out:0",)),
}
"""What goes on where it was: what opens the run, and what else the command wants."""


@pytest.mark.parametrize("verb", BEGINNINGS)
def test_what_is_stopped_while_it_begins_is_told_to_be_continued_where_the_verb_goes_on(run, idm, monkeypatch, verb):
    place, words = BEGINNINGS[verb]
    monkeypatch.setattr(f"idm.{place}.load", lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGTERM))
    result = idm(verb, run, *words)
    assert result.code == 75
    assert result.errors == [
        f"error[E750]: idm {verb}: stopped, with nothing new to save; run the same command to continue"
    ]


def test_of_every_verb_it_is_known_what_becomes_of_it_when_it_is_stopped():
    only_read = {"info", "verify", "watch", "config", "check-data", "bench"}
    assert sorted([*CONTINUED_VERBS, *BEGUN_ANEW, *only_read]) == sorted(VERBS)


@pytest.mark.parametrize(("number", "codes"), [(signal.SIGTERM, (-15, 143)), (signal.SIGINT, (130,))])
def test_a_second_signal_ends_the_process_at_once(tmp_path, tiny, number, codes):
    sync, trains = os.fsync, tmp_path / "a" / "metrics.jsonl"

    def hang():
        """Have the save that the first signal asks for never end, as on a disk that hangs."""
        os.fsync = lambda descriptor: time.sleep(600) if trains.exists() else sync(descriptor)

    child = begin(tmp_path, tiny, hang)
    os.kill(child, number)
    time.sleep(1.2)  # earlier, it would be the same request
    assert os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, number)
    assert exit_code(child, seconds=10) in codes
    assert "Traceback" not in (tmp_path / "told").read_text()


def test_the_clock_stops_a_run_like_a_signal(idm, tiny, tmp_path):
    result = idm("train", "--preset", "digits", "--out", tmp_path / "a", "--max-time", "3s", *tiny(**LONG))
    assert result.code == 75
    assert "run the same command to continue" in result.errors[0]
    assert open_checkpoint(tmp_path / "a").step > 0


def test_what_is_no_time_is_refused(idm, tiny, tmp_path):
    result = idm("train", "--preset", "digits", "--out", tmp_path / "a", "--max-time", "soon", *tiny())
    assert result.code == 2
    assert "a duration such as 2h30m, 45m or 90s wanted, got 'soon'" in result.errors[0]
