"""What people are told of samples that were written."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from idm.cli.output import Output
from idm.core.text import counted
from idm.run import Run


def describe_results(output: Output, run: Run, x: Tensor, written: Mapping[str, Path]) -> None:
    """Tell people what was written."""
    codec = run.spec.codec
    shape = " x ".join(map(str, run.spec.restore(x.numpy()).shape))
    values = f"{codec.dtype}, {codec.grid}" if codec.levels else codec.dtype
    kinds = {"picture": "picture", "images": "images", "arrays": "arrays", "strip": "steps", "animation": "animation"}
    notes = {"arrays": f"   (data {shape}, {values})", "images": f"   ({counted(len(x), 'PNG file')})"}
    output.pairs({kinds[key]: f"{written[key]}{notes.get(key, '')}" for key in kinds if key in written})
