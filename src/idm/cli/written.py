"""What people are told of samples that were written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from idm.cli.output import Output
from idm.core.text import counted
from idm.run import Run


def describe_results(output: Output, run: Run, shape: Sequence[int], written: Mapping[str, Path]) -> None:
    """Tell people what was written of samples whose array, in the data's own order of axes, has that shape."""
    codec, sizes = run.spec.codec, " x ".join(map(str, shape))
    values = f"{codec.dtype}, {codec.grid}" if codec.levels else codec.dtype
    kinds = {"picture": "picture", "images": "images", "arrays": "arrays", "strip": "steps", "animation": "animation"}
    notes = {"arrays": f"   (data {sizes}, {values})", "images": f"   ({counted(shape[0], 'PNG file')})"}
    output.pairs({kinds[key]: f"{written[key]}{notes.get(key, '')}" for key in kinds if key in written})
