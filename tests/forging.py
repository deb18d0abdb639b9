"""Runs as a stranger could make them: documents changed, and signed with a manifest that fits.

A manifest is a hash without a secret: it tells damage, not intent.
"""

import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from idm.core.progress import SILENT
from idm.settings import Experiment, from_plain
from idm.storage.manifest import as_text, make_manifest, step_of
from idm.tasks import train

POINTS = {
    "data": {"source": {"name": "arrays"}, "held_out": 0.2},
    "schedule": {"num_timesteps": 20},
    "network": {"name": "mlp", "width": 8, "num_layers": 1},
    "training": {
        "num_steps": 4,
        "batch_size": 8,
        "log_interval": 1,
        "save_interval": 4,
        "snapshot_interval": 2,
        "bound_interval": 0,
        "sample_interval": 0,
        "ema_rates": [0.9],
    },
    "sampler": {"steps": 2},
}
"""Settings of a run of points that trains in a moment."""


def make_run(data, run, **changes):
    """Train a tiny run on the arrays of a file, of points unless the sections in ``changes`` say otherwise."""
    plain = {**POINTS, **changes}
    plain["data"] = {**plain["data"], "source": {"name": "arrays", "path": str(data)}}
    train(from_plain(Experiment, plain), run, device="cpu", listener=SILENT)
    return run


def newest(run):
    """The newest checkpoint of a run."""
    return sorted((Path(run) / "checkpoints").glob("step-*"))[-1]


def sign(folder):
    """Write a manifest that fits what is in a folder now."""
    (folder / "manifest.json").unlink(missing_ok=True)
    (folder / "manifest.json").write_text(as_text(make_manifest(folder, step_of(folder) or 0, None)))


def edit(run, name, change):
    """Change a document of a run's newest checkpoint, the only one that stays, in place or by what is returned."""
    checkpoint = newest(run)
    for older in set(checkpoint.parent.glob("step-*")) - {checkpoint}:
        shutil.rmtree(older)
    file = checkpoint / f"{name}.json"
    document = json.loads(file.read_text())
    changed = change(document)
    file.write_text(json.dumps(document if changed is None else changed))
    sign(checkpoint)
    return run


def put(document, path, value):
    """Set a value in nested documents, at a dotted path."""
    *above, last = path.split(".")
    for name in above:
        document = document[int(name) if isinstance(document, list) else name]
    document[last] = value


def edit_tensors(run, name, change):
    """Change the tensors of a file of a run's newest checkpoint."""
    file = newest(run) / f"{name}.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    sign(file.parent)
    return run
