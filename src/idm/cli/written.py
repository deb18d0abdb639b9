"""What people are told of samples that were written."""

from idm.cli.output import Output
from idm.core.text import counted
from idm.tasks.made import Made


def describe_results(output: Output, made: Made) -> None:
    """Tell people what was written of samples."""
    codec, sizes, written = made.run.spec.codec, " x ".join(map(str, made.shape)), made.written
    values = f"{codec.dtype}, {codec.grid}" if codec.levels else codec.dtype
    kinds = {"picture": "picture", "images": "images", "arrays": "arrays", "strip": "steps", "animation": "animation"}
    notes = {"arrays": f"   (data {sizes}, {values})", "images": f"   ({counted(len(made.x), 'PNG file')})"}
    output.pairs({kinds[key]: f"{written[key]}{notes.get(key, '')}" for key in kinds if key in written})
