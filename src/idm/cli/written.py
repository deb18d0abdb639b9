"""What people are told of samples that were written."""

from idm.cli.output import Output
from idm.core.text import counted
from idm.tasks.made import Made
from idm.tasks.mending import Mended

NAMED = 5
"""Most classes that are named."""


def describe_results(output: Output, made: Made) -> None:
    """Tell people what was written of samples."""
    codec, sizes, written = made.run.spec.codec, " x ".join(map(str, made.shape)), made.written
    values = f"{codec.dtype}, {codec.grid}" if codec.levels else codec.dtype
    kinds = {"picture": "picture", "images": "images", "arrays": "arrays", "strip": "steps", "animation": "animation"}
    kinds |= {name: f"as {name}" for name in written if name not in kinds}
    notes = {"arrays": f"   (data {sizes}, {values})", "images": f"   ({counted(len(made.x), 'PNG file')})"}
    output.pairs({kinds[key]: f"{written[key]}{notes.get(key, '')}" for key in kinds if key in written})


def describe_restored(output: Output, made: Mended) -> None:
    """Tell people what was restored, how, and where it lies."""
    draws, written = made.draws, made.written
    each = f"{counted(draws.num, 'sample')} each" if draws.num > 1 else "one sample each"
    output.line(
        f"{counted(len(draws.observations), 'observation')}, {each}, by {draws.way}, in {counted(draws.steps, 'step')}"
    )
    whole = f"{draws.num_complete:,} of them complete: these come back as they are" if draws.num_complete else ""
    for note in filter(None, (whole, str(made.run.guide), str(made.effective or ""), _classes(made))):
        output.line(note)
    for sentence in made.coverage.sentences if made.coverage is not None else ():
        output.line(sentence)
    notes = {"restored": "   (draws, means, standard deviations)", "arrays": "   (data, mean, std)"}
    output.pairs({key: f"{path}{notes.get(key, '')}" for key, path in written.items()})


def _classes(made: Mended) -> str:
    """Say which classes were found."""
    shares = list(made.classes.items())
    named = ", ".join(f"{name} {share:.0%}" for name, share in shares[:NAMED])
    more = f" and {len(shares) - NAMED:,} more" if len(shares) > NAMED else ""
    return f"drawn as: {named}{more}" if shares else ""


def finish_restored(output: Output, made: Mended) -> None:
    """Print the record for programs."""
    draws, effective = made.draws, made.effective
    particles = {} if effective is None else {"effective": {"mean": effective.mean, "least": effective.least}}
    about = {
        "num": draws.num,
        "complete": draws.num_complete,
        "steps": draws.steps,
        "seed": draws.seed,
        "checkpoint": made.run.name,
    }
    classes = {"classes": dict(made.classes)} if made.classes else {}
    output.finish(**about, **particles, **classes, **made.written)
