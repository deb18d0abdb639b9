"""What verbs print: nothing that a terminal would act on, no markup, and whatever the encoding of the streams is."""

import contextlib
import errno
import io
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from idm.cli import main
from idm.core.progress import Lines, warn
from idm.core.terminal import TERMINAL

from ..forging import edit, make_run

NAMES = ("\x1b]0;OWNED\x07\x1b[31mX", "turned \u202e round", "\x9b31m", "two\nlines", "[red]x[/red]", "[/x]", "Ω\u200b")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Points whose classes have names that a terminal would act on."""
    folder = tmp_path_factory.mktemp("names")
    points = np.random.default_rng(0).normal(size=(70, 2)).astype("f4")
    np.savez(folder / "points.npz", x=points, y=np.array(NAMES * 10))
    return folder / "points.npz"


@pytest.fixture(scope="module")
def run(data):
    return make_run(data, data.parent / "run[/x]")


VERBS = {
    "check-data": ("check-data", "DATA"),
    "check-data --out": ("check-data", "DATA", "--out", "checked"),
    "train": ("train", "--out", "RUN"),
    "train anew": ("train", "--data", "DATA", "--out", "[/new]", "--set", "training.num_steps=1"),
    "info": ("info", "RUN"),
    "verify": ("verify", "RUN"),
    "watch": ("watch", "RUN", "--once"),
    "sample": ("sample", "RUN", "--num", "2", "--labels", NAMES[0], "--out", "[bold]sampled"),
    "evaluate": ("evaluate", "RUN", "--num", "2", "--samples", "7", "--out", "evaluated"),
    "compare": ("compare", "RUN", "RUN", "--num", "2", "--steps", "3", "--out", "judged"),
    "tradeoff": ("tradeoff", "RUN", "--calls", "1", "--samples", "9", "--num", "2", "--out", "compared"),
    "report": ("report", "RUN", "--budget", "1000", "--sections", "samples,configuration", "--out", "[page.html"),
    "encode": ("encode", "RUN", "held-out:0-6", "--steps", "2", "--out", "latents[/x].safetensors"),
    "interpolate": ("interpolate", "RUN", "held-out:0", "held-out:1", "--steps", "2", "--out", "between"),
    "edit": ("edit", "RUN", "held-out:0-1", "--label-b", NAMES[0], "--steps", "2", "--out", "[edited"),
    "fit-solver": ("fit-solver", "RUN", "--calls", "2"),
    "train-classifier": ("train-classifier", "RUN", "--steps", "1", "--batch-size", "4"),
    "ema": ("ema", "RUN", "--sigma-rel", "0.1", "--out", "average"),
    "a class that is none": ("sample", "RUN", "--labels", "\x1b[2J"),
    "a setting that is none": ("train", "--out", "RUN", "--set", "\x1b[2J=3"),
    "a verb that is none": ("\x1b[2J",),
    "an option that is none": ("info", "RUN", "--\x1b[2J"),
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def call(stream, command, data, run):
    """Run a verb with both streams going to one of a kind, and return its exit code."""
    words = {"DATA": str(data), "RUN": str(run)}
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        return main([*(words.get(part, part) for part in command)])


@pytest.mark.parametrize("verb", VERBS)
def test_names_reach_no_stream_unescaped(data, run, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    stream = io.StringIO()
    assert call(stream, VERBS[verb], data, run) in (0, 2)
    assert stream.getvalue().replace("\n", "").isprintable()
    assert all(line.strip() not in ("lines", "round") for line in stream.getvalue().splitlines())


@pytest.mark.parametrize("verb", ["check-data", "info", "sample", "train"])
def test_json_is_valid_and_escaped(data, run, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    stream = io.StringIO()
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(stream):
        words = {"DATA": str(data), "RUN": str(run)}
        assert main([*(words.get(part, part) for part in VERBS[verb]), "--json"]) == 0
    assert stream.getvalue().replace("\n", "").isprintable()
    json.loads(stream.getvalue())


@pytest.mark.parametrize("verb", ["train", "train anew", "sample", "encode", "evaluate"])
def test_on_a_terminal_names_are_no_markup(data, run, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    stream = Terminal()
    assert call(stream, VERBS[verb], data, run) == 0
    assert "OWNED\x07" not in stream.getvalue()
    if verb == "train anew":
        assert "training [/new]" in stream.getvalue()


@pytest.mark.parametrize("label", ["training run[cosine]", "runs[/old]/a", "[bold", "\x1b[31m{task.total}"])
def test_progress_shows_its_label_letter_by_letter(monkeypatch, label):
    for listener, stream in ((TERMINAL, Terminal()), (Lines(0.0), io.StringIO())):
        monkeypatch.setattr("sys.stderr", stream)
        with listener.follow(label, 2) as bar:
            bar.advance(2, "[/x] done")
        shown = label.replace("\x1b", "\\x1b")
        assert shown in stream.getvalue()
        assert "[/x] done" in stream.getvalue()


def test_warnings_are_one_line(capsys):
    warn("a\x1b[31m\nb")
    assert capsys.readouterr().err == "warning: a\\x1b[31m\\nb\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_encoding_of_the_streams_ends_a_verb(data, run, tmp_path, monkeypatch, encoding, options):
    strange = edit(shutil.copytree(run, tmp_path / "run Ω"), "data", surrogates)
    for command in (("info", "RUN"), ("sample", "RUN", "--num", "2"), ("watch", "RUN"), ("verify", "RUN")):
        raw = io.BytesIO()
        with contextlib.redirect_stderr(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) as err:
            stream = io.TextIOWrapper(raw, encoding=encoding)
            with contextlib.redirect_stdout(stream):
                code = main([*(str(strange) if part == "RUN" else part for part in command), *options])
        err.seek(0)
        assert code == 0, err.read()
        stream.flush()
        text = raw.getvalue().decode(encoding)
        if options and command[0] != "sample":
            assert "Ω" in json.dumps(json.loads(text), ensure_ascii=False)


def surrogates(document):
    document["class_names"][0] = "half \udc80 猫"


def test_a_folder_of_data_whose_name_is_no_utf_8_is_read(tmp_path, idm, tiny):
    folder = tmp_path / "pictures\udcff"
    try:
        folder.mkdir()
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system knows UTF-8 alone")
    for number in range(12):
        Image.fromarray(np.full((8, 8), number, dtype=np.uint8)).save(folder / f"{number}.png")
    assert idm("check-data", folder, "--out", tmp_path / "checked").code == 0
    assert (tmp_path / "checked" / "page.html").read_text(encoding="utf-8").replace("\n", "").isprintable()
    for source in (folder, tmp_path / "checked" / "index.jsonl"):
        run = tmp_path / f"of {source.suffix or 'pictures'}"
        assert idm("train", "--data", source, "--out", run, *tiny(training__num_steps=1, data__held_out=2)).code == 0
        assert idm("evaluate", run, "--steps", 2).code == 0


def test_a_folder_of_results_whose_name_is_no_utf_8_is_refused_before_anything_is_done(tmp_path, idm):
    done = idm("train", "--preset", "digits", "--out", tmp_path / "run\udcff")
    assert done.code == 2
    assert done.err == f"error[E200]: --out {tmp_path}/run\\udcff: a name in UTF-8 wanted; choose another\n"


class Refusing(Terminal):
    """A stream that takes nothing: nobody reads it any more, or its disk is full."""

    def __init__(self, number):
        super().__init__()
        self.number = number

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.ENOSPC])
def test_work_is_done_though_nobody_reads_what_is_said_of_it(data, tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    train = ("train", "--data", "DATA", "--out", "RUN", "--set", "training.num_steps=2", "--set", "sampler.steps=2")
    for command in (train, ("sample", "RUN", "--num", "2", "--out", "drawn"), ("info", "RUN"), ("watch", "RUN")):
        with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(Refusing(number)):
            code = main([{"DATA": str(data), "RUN": str(tmp_path / "run")}.get(part, part) for part in command])
        wanted = "disk: cannot write to standard output (No space left on device); all else is done"
        errors = [line for line in said.getvalue().splitlines() if line.startswith("error")]
        assert (code, errors) == ((4, [f"error[E400]: {wanted}"]) if number == errno.ENOSPC else (0, [])), command
    assert (tmp_path / "run" / "checkpoints" / "step-00000002").is_dir()
    assert (tmp_path / "drawn" / "samples.npz").is_file()


@pytest.mark.parametrize("stream", [None, Refusing(errno.EPIPE)])
def test_streams_that_are_closed_are_not_missed(run, tmp_path, stream):
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        assert main(["sample", str(run), "--num", "2", "--out", str(tmp_path / "drawn")]) == 0
        assert main(["info", str(run), "--json"]) == 0
        assert main(["info", str(tmp_path / "none")]) == 4
    assert (tmp_path / "drawn" / "samples.npz").is_file()
