"""A run from somebody else is data: no verb imports what it names, unless the command line says so."""

import json
import shutil
import sys

import numpy as np
import pytest

import idm
from idm.cli import main
from idm.cli.app import VERBS
from idm.core.errors import DataError
from idm.core.progress import SILENT
from idm.run import open_run_data
from idm.settings import Experiment, from_plain
from idm.tasks.ema import reconstruct

from ..forging import edit, make_run, newest, sign

MODULE = """
from pathlib import Path
import numpy as np
from idm.data import Source
Path({canary!r}).touch()

class Points(Source):
    def __init__(self):
        self.shape, self.dtype, self.levels = (2,), np.dtype("f4"), None
        self.labels, self.class_names, self.note = None, None, "made"
    def __len__(self):
        return 60
    def read(self, indices):
        return np.stack([np.sin(indices), np.cos(indices)], axis=1).astype("f4")
"""
CUSTOM = {"name": "custom", "make": "strangers_code:Points"}
TWO = "strangers_code:Points"
COMMANDS = {
    "demo": [("demo", "--out", "RUN")],
    "train": [
        ("train", "--out", "RUN"),
        ("train", "--out", "RUN", "--set", "training.num_steps=5"),
        ("train", "--out", "RUN", "--set", "data.source.arguments={}"),
        ("train", "RUN/experiment.yaml", "--out", "new"),
        ("train", "--init", "RUN", "--out", "new"),
        ("train", "own.yaml", "--init", "RUN", "--out", "new"),
        ("train", "--data", "points.npz", "--init", "RUN", "--out", "new", "--set", "training.num_steps=1"),
    ],
    "sample": [
        ("sample", "RUN", "--num", "2"),
        ("sample", "RUN", "--num", "2", "--autoguidance", "2", "--autoguidance-from", "network"),
        ("sample", "RUN", "--num", "2", "--classifier-scale", "1"),
    ],
    "evaluate": [("evaluate", "RUN", "--num", "2"), ("evaluate", "RUN", "--data", "points.npz", "--num", "2")],
    "compare": [("compare", "RUN", "RUN", "--num", "2", "--steps", "2")],
    "tradeoff": [("tradeoff", "RUN", "--calls", "1", "--samples", "9", "--num", "2")],
    "report": [("report", "RUN", "--budget", "1000", "--sections", "samples,training,configuration")],
    "encode": [("encode", "RUN", "held-out:0", "--steps", "2")],
    "decode": [("decode", "RUN", "latents.safetensors")],
    "interpolate": [("interpolate", "RUN", "held-out:0", "held-out:1", "--num", "2", "--steps", "2")],
    "restore": [
        ("restore", "RUN", "held-out:0", "--simulate", "--operator", "channels:0", "--steps", "2", "--num", "1")
    ],
    "edit": [("edit", "RUN", "held-out:0", "--steps", "2")],
    "calibrate": [("calibrate", "RUN")],
    "fit-solver": [("fit-solver", "RUN", "--calls", "2")],
    "train-classifier": [("train-classifier", "RUN", "--steps", "1", "--batch-size", "4")],
    "ema": [("ema", "RUN", "--sigma-rel", "0.1")],
    "import": [("import", "RUN", "--out", "new"), ("import", "CHECKPOINT/network.safetensors", "--out", "new")],
    "info": [("info", "RUN"), ("info", "RUN", "--json")],
    "verify": [("verify", "RUN")],
    "watch": [("watch", "RUN", "--once")],
    "config": [("config", "--preset", "RUN")],
    "bench": [("bench", "RUN")],
    "check-math": [("check-math", "RUN")],
    "check-data": [("check-data", "RUN"), ("check-data", "CHECKPOINT")],
}
"""Every verb that can be given a run, or a part of one."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of points, latents of it, and a module that leaves a file behind where it is imported."""
    folder = tmp_path_factory.mktemp("strangers")
    rng = np.random.default_rng(0)
    np.savez(folder / "points.npz", x=rng.normal(size=(60, 2)).astype("f4"), y=rng.integers(0, 3, 60))
    run = make_run(folder / "points.npz", folder / "run")
    assert main(["encode", str(run), "held-out:0", "--steps", "2", "--out", str(folder / "latents.safetensors")]) == 0
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A folder with a copy of all that, where Python finds the module."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (tmp_path / "strangers_code.py").write_text(MODULE.format(canary=str(tmp_path / "canary")))
    (tmp_path / "own.yaml").write_text("training: {num_steps: 1}")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("idm.bench.of_run.LARGEST_TRIED", 1)
    yield tmp_path
    sys.modules.pop("strangers_code", None)


def named_everywhere(value):
    """The same document, with the module's name wherever there was a word."""
    if isinstance(value, dict):
        return {key: named_everywhere(item) for key, item in value.items()}
    if isinstance(value, list):
        return [named_everywhere(item) for item in value]
    return TWO if isinstance(value, str) else value


def custom(document):
    document["data"]["source"] = CUSTOM


def custom_network(document):
    document["network"] = {"name": "custom", "make": "strangers_code:Net"}


def settings_file(run):
    path = run / "experiment.yaml"
    path.write_text(json.dumps({"data": {"source": CUSTOM}}))


def files_beside(run):
    """Files that lie beside the documents of a checkpoint."""
    settings_file(run)
    for name in ("metrics.jsonl", "events.jsonl", "micro_batch.json"):
        (run / name).write_text(f'{{"step": "{TWO}", "make": "{TWO}"}}\n')
    (newest(run) / "trackers.json").write_text(json.dumps({"make": TWO}))
    sign(newest(run))


def manifest(run):
    path = newest(run) / "manifest.json"
    path.write_text(json.dumps(named_everywhere(json.loads(path.read_text()))))


FORGERIES = {
    "experiment.json": lambda run: settings_file(edit(run, "experiment", custom)),
    "network": lambda run: edit(run, "experiment", custom_network),
    "files beside": files_beside,
    "manifest.json": manifest,
} | {
    f"words of {name}.json": lambda run, name=name: edit(run, name, named_everywhere)
    for name in ("experiment", "data", "training", "calibration", "versions")
}


def test_every_verb_is_tried():
    assert COMMANDS.keys() == VERBS.keys()


@pytest.mark.parametrize("document", FORGERIES)
def test_no_verb_imports_what_a_document_of_a_run_names(place, document, prove):
    wanted = len(COMMANDS["train"]) if prove or document == "experiment.json" else 1
    FORGERIES[document](place / "run")
    shutil.copytree(place / "run", place / "forged")
    for command in (command for commands in COMMANDS.values() for command in commands[:wanted]):
        shutil.rmtree(place / "run")
        shutil.copytree(place / "forged", place / "run")
        shutil.rmtree(place / "new", ignore_errors=True)
        words = {"RUN": str(place / "run"), "CHECKPOINT": str(newest(place / "run"))}
        code = main([words.get(part, part.replace("RUN/", "run/")) for part in command])
        assert code in (0, 2, 3, 4), command
        assert not (place / "canary").exists(), command


REFUSED = [
    ("train", "own.yaml", "--init", "run", "--out", "new"),
    ("train", "--out", "run"),
    ("train", "--out", "run", "--set", "data.source.arguments={}"),
    ("train", "run/experiment.yaml", "--out", "new"),
    ("train", "run/samples/deeper.yaml", "--out", "new"),
    ("train", "mine.yaml", "--out", "new"),
    ("evaluate", "run"),
    ("encode", "run", "held-out:0", "--steps", "2"),
    ("interpolate", "run", "held-out:0", "held-out:1", "--steps", "2"),
    ("restore", "run", "--check-coverage", "2", "--operator", "channels:0", "--steps", "2"),
    ("edit", "run", "held-out:0", "--steps", "2"),
]


@pytest.mark.parametrize("command", REFUSED, ids=" ".join)
def test_the_refusal_says_what_would_be_imported_and_its_advice_is_followed(place, capsys, command):
    settings_file(edit(place / "run", "experiment", custom))
    for copy in (place / "run" / "samples" / "deeper.yaml", place / "mine.yaml"):
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(place / "run" / "experiment.yaml", copy)
    assert main([*command]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error[E300]: data.source.make: ")
    assert "strangers_code:Points" in line
    assert "--trust-code" in line
    assert not (place / "canary").exists()
    main([*command, "--trust-code"])
    assert (place / "canary").exists()


def test_an_average_keeps_its_decoder_and_says_why(place, capsys):
    edit(place / "run", "experiment", custom)
    assert main(["ema", "run", "--sigma-rel", "0.1"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: data.source.make: ")
    assert "strangers_code:Points" in line
    assert not (place / "canary").exists()
    main(["ema", "run", "--sigma-rel", "0.1", "--trust-code"])
    assert (place / "canary").exists()


def test_code_that_the_command_line_names_is_run(place):
    options = ["--set", "training.num_steps=1", "--set", "network.name=mlp", "--set", "network.width=8"]
    options += ["--set", "data.held_out=6"]
    named = ["--set", "data.source.name=custom", "--set", f"data.source.make={TWO}"]
    assert main(["train", "--preset", "digits", "--out", "new", *options, *named, "--device", "cpu"]) == 0
    assert (place / "canary").exists()


def test_in_python_too_code_is_run_only_where_it_is_trusted(place):
    run = edit(place / "run", "experiment", custom)
    with pytest.raises(DataError, match="strangers_code:Points"):
        open_run_data(idm.load(run, device="cpu"))
    experiment = from_plain(Experiment, {"data": {"source": CUSTOM}, "network": {"name": "mlp"}})
    with pytest.raises(DataError, match="trust_code=True"):
        idm.train(experiment, place / "new", device="cpu", listener=SILENT)
    assert reconstruct(run, 0.1, device="cpu").is_calibrated is False
    assert not (place / "canary").exists()
    with pytest.raises(DataError, match="the data of this run wanted"):  # they are others, which takes opening them
        open_run_data(idm.load(run, device="cpu", trust_code=True))
    assert (place / "canary").exists()


def test_no_setting_of_a_run_says_that_its_code_is_trusted(place, capsys):
    edit(place / "run", "experiment", trusting)
    assert main(["evaluate", "run"]) == 4
    assert "trust_code: no such setting" in capsys.readouterr().err
    assert not (place / "canary").exists()


def trusting(document):
    document["data"]["source"] = CUSTOM | {"trust_code": True}


NET = """

class Net(torch.nn.Module):
    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.map = torch.nn.Linear(in_channels, out_channels)
    def forward(self, x, time):
        return self.map(x)
"""


@pytest.mark.parametrize("named", ["network.make", "data.source.make"])
def test_trust_in_one_name_is_none_in_the_other(place, named):
    (place / "own_code.py").write_text(
        MODULE.format(canary=str(place / "own canary")).replace("import numpy", "import torch\nimport numpy") + NET
    )
    own = {"network.make": "own_code:Net", "data.source.make": "own_code:Points"}[named]
    strangers = {
        "network.make": {"data": {"source": CUSTOM}, "network": {"name": "custom"}},
        "data.source.make": {"network": {"name": "custom", "make": "strangers_code:Net"}},
    }
    (place / "strangers.yaml").write_text(json.dumps(strangers[named] | {"training": {"num_steps": 1}}))
    command = ["train", "strangers.yaml", "--out", "new", "--set", f"{named}={own}"]
    command += [] if named == "network.make" else ["--set", "data.source.name=custom"]
    assert main(command) == 3
    assert not (place / "canary").exists()
