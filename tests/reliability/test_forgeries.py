"""Runs whose documents are forged: each is refused in a line or opened harmlessly, at little cost.

The manifests fit, so that nothing but what is said in the documents can tell.
"""

import functools
import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from safetensors import safe_open

import idm
from idm.cli import main
from idm.core.errors import CheckpointError
from idm.networks import UNet
from idm.networks.stored import with_shapes

from ..forging import edit, edit_tensors, make_run, newest, put, sign
from ..hostile import PROMISE, cheap
from ..once import made_once

UNET = {"name": "unet", "model_channels": 4, "num_res_blocks": 1, "channel_mult": [1, 2], "num_heads": 1}
VERBS = {
    "info": ("info", "RUN"),
    "verify": ("verify", "RUN"),
    "watch": ("watch", "RUN", "--once"),
    "sample": ("sample", "RUN", "--num", "2", "--out", "OUT"),
    "evaluate": ("evaluate", "RUN", "--num", "2", "--steps", "2", "--out", "OUT"),
    "compare": ("compare", "RUN", "RUN", "--num", "2", "--steps", "2", "--out", "OUT"),
    "tradeoff": ("tradeoff", "RUN", "--calls", "1", "--samples", "30", "--num", "2", "--out", "OUT"),
    "report": ("report", "RUN", "--budget", "1000", "--sections", "glance,training,configuration"),
    "encode": ("encode", "RUN", "held-out:0", "--steps", "2", "--out", "OUT/l.safetensors"),
    "decode": ("decode", "RUN", "LATENTS", "--out", "OUT"),
    "interpolate": ("interpolate", "RUN", "held-out:0", "held-out:1", "--num", "2", "--steps", "2", "--out", "OUT"),
    "edit": ("edit", "RUN", "held-out:0", "--steps", "2", "--out", "OUT"),
    "fit-solver": ("fit-solver", "RUN", "--calls", "2"),
    "train-classifier": ("train-classifier", "RUN", "--steps", "2", "--batch-size", "4"),
    "ema": ("ema", "RUN", "--sigma-rel", "0.1", "--out", "OUT"),
    "train": ("train", "--out", "RUN", "--set", "training.num_steps=5"),
}
"""Every verb that opens a run."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs of points and of pictures, and latents of each."""
    return made_once(tmp_path_factory, "forged", make)


def make(folder):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 40)
    np.savez(folder / "points.npz", x=rng.normal(size=(40, 2)).astype("f4"), y=labels)
    np.savez(folder / "pictures.npz", x=rng.integers(0, 4, (40, 1, 8, 8), dtype=np.uint8), y=labels)
    for name, changes in (("points", {}), ("pictures", {"network": UNET})):
        run = make_run(folder / f"{name}.npz", folder / name, **changes)
        encode = ("encode", run, "held-out:0-1", "--steps", "2", "--out", folder / f"{name}.safetensors")
        assert main([*map(str, encode)]) == 0


@functools.cache
def sound(made, kind, verb):
    """Seconds of processor time that a verb takes on a sound run, to draw or train what there is."""
    for attempt in ("first", "second"):  # what a verb imports for the first time costs a forgery nothing
        run = shutil.copytree(made / kind, made / f"{attempt}-{kind}-{verb}")
        start = time.process_time()
        assert call(verb, run, made) == 0
        taken = time.process_time() - start
    return taken


def call(verb, run, folder):
    words = {"RUN": run, "OUT": folder / "out", "OUT/l.safetensors": folder / "out.safetensors"}
    words["LATENTS"] = folder / ("pictures.safetensors" if "pictures" in run.name else "points.safetensors")
    return main([str(words.get(part, part)) for part in VERBS[verb]])


def judge(made, tmp_path, capsys, kind, forge, verbs, codes):
    """Forge a copy of a run, and look at what becomes of it under verbs."""
    for verb in verbs:
        run = shutil.copytree(made / kind, tmp_path / f"{kind}-{verb}")
        forge(run)
        (tmp_path / f"{kind}.safetensors").unlink(missing_ok=True)
        shutil.copy(made / f"{kind}.safetensors", tmp_path)
        capsys.readouterr()
        usual = sound(made, kind, verb)
        code = cheap(
            lambda verb=verb, run=run: call(verb, run, tmp_path), lambda code, usual=usual: 0 if code else usual
        )
        lines = capsys.readouterr().err.splitlines()
        told = [line for line in lines if line.startswith("error[")]
        assert code in codes, (verb, lines)
        assert bool(told) == (code != 0), (verb, lines)
        assert not any("Traceback" in line or "E700" in line for line in lines), (verb, lines)
        shutil.rmtree(run)
        shutil.rmtree(tmp_path / "out", ignore_errors=True)


def declared(path, value):
    return lambda run: edit(run, "experiment", lambda document: put(document, path, value))


def of_data(path, value):
    return lambda run: edit(run, "data", lambda document: put(document, path, value))


HUGE = {
    ("points", "network.width"): [40_000, 10**9, 10**15, 2**63, 10**400],
    ("points", "network.num_layers"): [40_000, 10**9, 2**63],
    ("pictures", "network.model_channels"): [4_000, 40_000, 10**9, 2**63],
    ("pictures", "network.num_res_blocks"): [1_000, 10**9, 2**63],
    ("pictures", "network.channel_mult"): [[1] * 100_000, [1, 10**6], [1, 2, 10**300], [2**63, 2]],
    ("pictures", "network.low_res_channels"): [10**6, 10**12],
    ("pictures", "network.attention_resolutions"): [[1, 2], list(range(100_000))],
    ("pictures", "network.use_scale_shift_norm"): [False],
    ("points", "training.mean_steps"): [10**12],
    ("points", "training.ema_rates"): [[0.9, *(i / 10_000 for i in range(1, 9_000))]],
    ("points", "training.posthoc_sigma_rels"): [[0.05, 0.1, *(i / 100_000 for i in range(1, 5_000))]],
}
"""Settings that declare more than is stored."""

OF_DATA = {
    "shape": [[10**9, 8, 8], [1, 10**9, 10**9], [1, 2**20, 2**20], [10**400], [2] * 100_000],
    "class_names": [["x"] * 100_000, [f"{i}" for i in range(4)]],
    "codec.offset": [[0.0] * 100_000],
    "condition": [{"shape": [1, 2**20, 2**20]}, {"shape": [10**400]}, [1] * 100_000],
}

TIES = ("training.ema_rates", "training.posthoc_sigma_rels")
"""What only training goes on from."""


def sized():
    for (kind, path), values in HUGE.items():
        for number, value in enumerate(values):
            yield pytest.param(kind, path, declared(path, value), id=f"{path} {number}")
    for path, values in OF_DATA.items():
        for number, value in enumerate(values):
            yield pytest.param("pictures", path, of_data(path, value), id=f"data {path} {number}")


@pytest.mark.parametrize(("kind", "path", "forge"), [*sized()])
def test_what_is_larger_than_what_is_stored_is_refused_before_it_is_built(
    made, tmp_path, capsys, kind, path, forge, prove, record
):
    every = [verb for verb in VERBS if verb != "watch"]
    verbs = ["train"] if path in TIES else every if prove else ["info", "train"]
    judge(made, tmp_path, capsys, kind, forge, verbs, {3, 4} if path in OF_DATA else {4})
    record(PROMISE, len(verbs))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schedule.num_timesteps", 10**12),
        ("schedule.num_timesteps", 10**400),
        ("sampler.steps", 10**12),
        ("training.batch_size", 10**12),
        ("timesteps", {"name": "loss_second_moment", "history_per_term": 10**12}),
        ("data.workers", 10**9),
        ("network.checkpoint_stages", 10**18),
    ],
)
def test_numbers_that_are_no_sizes_of_tensors_are_refused_or_cost_nothing(made, tmp_path, capsys, path, value, record):
    judge(made, tmp_path, capsys, "pictures", declared(path, value), ["info", "sample", "train"], {0, 2, 4})
    record(PROMISE, 3)


def test_python_refuses_them_too(made, tmp_path):
    run = shutil.copytree(made / "points", tmp_path / "run")
    declared("network.width", 40_000)(run)
    with pytest.raises(CheckpointError, match="settings that fit the stored weights wanted"):
        cheap(lambda: idm.load(run, device="cpu"))


def test_building_ends_with_the_first_tensor_that_is_not_stored():
    options = {"in_channels": 1, "out_channels": 1, "model_channels": 4, "channel_mult": (1, 2), "num_heads": 1}
    shapes = [tuple(value.shape) for value in UNet(**options).parameters()]
    with with_shapes(shapes):
        UNet(**options)
    with pytest.raises(idm.core.errors.SettingsError, match="more than are stored"), with_shapes(shapes[:-1]):
        UNet(**options)
    UNet(**options)  # nothing is looked at any more


ODD = (float("nan"), float("inf"), -1, -0.5, 0, 1e308, 2**63, 10**400, True, "\x1b[31mx", None, [], {})


def leaves(value, path=()):
    """Paths of all values in a document that hold no others."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from leaves(item, (*path, str(key))) if isinstance(item, (dict, list)) and item else [(*path, str(key))]


def forgeries(run):
    """Every value of every document, and each of the odd values in turn, each in the place of several."""
    number = 0
    for file in sorted(newest(run).glob("*.json")):
        if file.stem == "manifest":
            continue
        for path in leaves(json.loads(file.read_text())):
            for turn in range(3):
                yield file.stem, ".".join(path), ODD[(number + 5 * turn) % len(ODD)]
            number += 1


def forged(name, path, value):
    def change(document):
        *above, last = path.split(".")
        for key in above:
            document = document[int(key) if isinstance(document, list) else key]
        document[int(last) if isinstance(document, list) else last] = value

    return lambda run: edit(run, name, change)


@pytest.mark.parametrize("kind", ["points", "pictures"])
def test_no_value_of_a_document_ends_a_verb_with_more_than_a_line(made, tmp_path, capsys, kind, prove, record):
    verbs, every = [verb for verb in VERBS if verb != "watch"], list(forgeries(made / kind))
    assert len(every) > 200
    for number, (name, path, value) in enumerate(every):
        if not prove and number % 23:
            continue
        chosen = {"info", "train" if name == "training" else verbs[number % len(verbs)]}
        try:
            judge(made, tmp_path, capsys, kind, forged(name, path, value), sorted(chosen), {0, 2, 3, 4})
        except BaseException as error:
            raise AssertionError(f"{name} {path} = {value!r:.50}") from error
        record(PROMISE, 1)


COUNTS = ["step", "ema_updates", "metrics_length", "events_length", "seconds", "guard.rollbacks", "guard.left"]


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), 10**400, True, "1", None, []], ids=repr)
def test_counts_of_a_checkpoint_that_are_none_are_refused_on_resuming(made, tmp_path, capsys, value):
    for path in COUNTS:
        forge = forged("training", path, value)
        judge(made, tmp_path, capsys, "points", forge, ["train"], {4})


def missing(run):
    edit(run, "training", lambda document: document.pop("ema_updates") and document)


def linked(name, target):
    def forge(run):
        path = newest(run) / name
        path.unlink()
        path.symlink_to(target)

    return forge


def piped(name):
    def forge(run):
        (newest(run) / name).unlink()
        os.mkfifo(newest(run) / name)

    return forge


def misnamed(run):
    file = next(newest(run).glob("power-*.safetensors"))
    file.rename(file.with_name("power-wide.safetensors"))
    sign(newest(run))


FILES = {
    "a count is missing": missing,
    "a link to a device": linked("ema-0.9.safetensors", "/dev/zero"),
    "a link to itself": linked("experiment.json", "experiment.json"),
    "a pipe for weights": piped("ema-0.9.safetensors"),
    "a pipe for settings": piped("experiment.json"),
    "a width that is a word": misnamed,
    "no weights": lambda run: edit_tensors(run, "ema-0.9", lambda tensors: tensors.clear()),
    "data in a device": declared("data.source.path", "/dev/zero"),
    "data in a pipe": lambda run: (
        os.mkfifo(run / "pipe.npy"),
        declared("data.source.path", str(run / "pipe.npy"))(run),
    ),
    "held out by a pipe": lambda run: (os.mkfifo(run / "list"), declared("data.held_out_list", str(run / "list"))(run)),
    "a CSV file that is none": declared("data.source", {"name": "csv", "path": "/etc/passwd"}),
    "an index that is none": declared("data.source", {"name": "index", "path": "/etc/passwd"}),
    "a folder of everything": declared("data.source", {"name": "arrays", "path": "/"}),
}


@pytest.mark.parametrize("kind", FILES)
def test_odd_files_of_a_run_are_refused_or_do_no_harm(made, tmp_path, capsys, kind, record):
    verbs = ["info", "evaluate", "encode", "ema", "train"]
    judge(made, tmp_path, capsys, "points", FILES[kind], verbs, {0, 3, 4})
    record(PROMISE, len(verbs))


LINES = {
    "an error below zero": {"held_out_bpd": 3.0, "held_out_bpd_error": -0.1},
    "an error that is no number": {"memorised": 0.1, "memorised_error": float("nan")},
    "an infinite error": {"memorised": 0.1, "memorised_error": float("inf")},
    "an error beyond all numbers": {"memorised": 0.1, "memorised_error": 10**400},
    "an error that is a word": {"memorised": 0.1, "memorised_error": "-1"},
    "a step below zero": {"step": -(10**90), "held_out_bpd": 3.0},
    "a loss below zero": {"loss": -(10**90), "held_out_bpd": 10**90},
    "names of formulas": {"$\\frac{$": 1.0, "loss_q0": 0.0},
}
"""What a stranger's metrics.jsonl may say beside step and loss."""


@pytest.mark.parametrize("kind", LINES)
def test_lines_of_metrics_that_say_what_is_not_so_leave_a_page(made, tmp_path, kind, record):
    run, page = shutil.copytree(made / "points", tmp_path / "run"), tmp_path / "page.html"
    lines = [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0} | LINES[kind]]
    (run / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    report = ["report", str(run), "--sections", "training", "--out", str(page)]
    assert cheap(lambda: main(report), lambda code: 0.5) == 0
    assert "The loss, and its parts by quarter" in page.read_text(encoding="utf-8")
    record(PROMISE, 1)


LATENTS = {
    "infinite steps": ("steps", float("inf")),
    "steps without a number": ("steps", float("nan")),
    "steps below zero": ("steps", -3),
    "more steps than any": ("steps", 10**400),
    "yes": ("steps", True),
    "a word": ("steps", "2"),
    "no steps": ("steps", None),
    "another format": ("format", "idm latents 3"),
    "another method": ("method", "bdai"),
    "a method that is none": ("method", ["bdia"]),
    "a method of one state": ("method", "ddim"),
    "another grid": ("spacing", "no_grid"),
    "a seed below zero": ("seed", -1),
    "a seed beyond all numbers": ("seed", 10**30),
    "a checkpoint that is none": ("checkpoint", "../../etc/passwd"),
    "no checkpoint": ("checkpoint", None),
    "labels without end": ("labels", [float("inf")] * 2),
    "too few labels": ("labels", [0]),
    "labels of labels": ("labels", [[0], [1]]),
    "a label beyond all numbers": ("labels", [0, 10**30]),
    "a label that is no class": ("labels", [0, 99]),
    "no codec": ("codec", None),
    "a run that is none": ("run", 3),
}


def described_otherwise(path, change, changed="latents"):
    with safe_open(path, "pt") as opened:
        described = json.loads(opened.metadata()["idm"])
        states = {name: opened.get_tensor(name) for name in ("latents", "partner")}
    states[changed] = change(described, states[changed])
    safetensors.torch.save_file(states, path, {"idm": json.dumps(described)})


@pytest.mark.parametrize("kind", LATENTS)
def test_latents_that_say_what_is_not_so_are_refused(made, tmp_path, capsys, kind):
    path, (name, value) = Path(shutil.copy(made / "points.safetensors", tmp_path)), LATENTS[kind]
    described_otherwise(path, lambda described, x: described.update({name: value}) or x)
    assert cheap(lambda: main(["decode", str(made / "points"), str(path), "--out", str(tmp_path / "out")])) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("changed", ["latents", "partner"])
@pytest.mark.parametrize("change", [lambda x: x * float("nan"), lambda x: x.long(), lambda x: x[:0], lambda x: x[0]])
def test_latents_that_are_no_finite_codes_are_refused(made, tmp_path, capsys, change, changed):
    path = Path(shutil.copy(made / "points.safetensors", tmp_path))
    described_otherwise(path, lambda described, x: change(x).clone(), changed)
    assert main(["decode", str(made / "points"), str(path), "--out", str(tmp_path / "out")]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1
