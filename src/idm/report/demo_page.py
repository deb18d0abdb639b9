"""The page that the demo writes: what a small model learned, in pictures and numbers a newcomer can follow."""

from pathlib import Path

from idm.likelihood import Estimate, VarianceFractions
from idm.report.blocks import Block, Card, Cards, LabelledPictures, Paragraph, Picture, Table
from idm.report.containers import SideBySide
from idm.report.demo_contents import Bound, DemoContents, SampleSet
from idm.report.figures import bound_by_timestep, loss_curve
from idm.report.levels import memorisation_clock
from idm.report.page import Page
from idm.report.pictures import grid
from idm.report.steps import learned_and_best

SMALL_TILE_PIXELS, TILE_PIXELS = 40, 56
"""Smallest side of a tile in pixels, in grids side by side and in rows that have the page to themselves."""

MAX_RECONSTRUCTIONS = 14
"""Most reconstructions that are shown."""


def write_demo_page(path: str | Path, contents: DemoContents) -> Path:
    """Write the page: one HTML file that needs nothing else."""
    page = Page(contents.title, contents.lead)
    page.section("At a glance", *_glance(contents))
    page.section("Samples of every class", *_samples(contents))
    page.section("From noise to data", *_denoising(contents))
    page.section("Does a classifier recognise the samples?", *_accuracy(contents))
    page.section("How well the model predicts held-out data", *_bound(contents.bound))
    page.section("To noise and back", *_reconstruction(contents))
    page.section("Between two samples", *_interpolations(contents))
    page.section("Training", *_training(contents))
    page.section("Settings and machine", *_facts(contents))
    return page.write(path)


def _glance(contents: DemoContents) -> list[Block]:
    total = Estimate.of(contents.bound.vlb.total_bpd)
    cards = [Card(f"{total.mean:.3f}", "bits/dim on held-out data, lower is better", f"{total.standard_error:.3f}")]
    cards += [
        Card(_percent(drawn.accuracy), f"of samples recognised, {drawn.name}", _percent(drawn.accuracy_error))
        for drawn in contents.sample_sets
    ]
    cards.append(Card(_duration(sum(seconds for _, seconds in contents.chapters)), "for everything on this page"))
    return [Cards(cards)]


def _samples(contents: DemoContents) -> list[Block]:
    return [
        Paragraph(
            "Every sample starts as pure random noise, which the model removes step by step. It is told which class to "
            "draw, and sees no training data while it draws."
        ),
        Paragraph(
            "DDPM takes many small steps and adds a little fresh noise after each: slow, and true to the model. DDIM "
            "takes few large steps and adds none: the starting noise alone decides the sample. UniPC takes fewer "
            "still, because it remembers what it saw at the step before. All use the same trained network."
        ),
        SideBySide([_by_class(contents, drawn) for drawn in contents.sample_sets]),
    ]


def _by_class(contents: DemoContents, drawn: SampleSet) -> Block:
    per_class = drawn.samples.shape[0] // len(contents.class_names)
    parts = drawn.samples.split(per_class)
    rows = [
        (name, grid(part, contents.codec, columns=per_class, min_tile=SMALL_TILE_PIXELS))
        for name, part in zip(contents.class_names, parts, strict=True)
    ]
    caption = f"{drawn.name}: {per_class} per class of {drawn.num:,} drawn in {_duration(drawn.seconds)}."
    return LabelledPictures(rows, f"Samples by {drawn.name}, class", caption)


def _denoising(contents: DemoContents) -> list[Block]:
    moments = contents.denoising.moments
    columns = [
        (label, grid(moments[:, i], contents.codec, columns=1, min_tile=TILE_PIXELS))
        for i, label in enumerate(contents.denoising.labels)
    ]
    return [
        Paragraph(
            "The same samples at several moments, from noise at the left to the finished sample at the right. The "
            "overall shape is settled early, while the picture still looks like noise; the last steps add detail."
        ),
        LabelledPictures(columns, "Samples on their way from noise", "t counts the steps still to go.", across=True),
    ]


def _accuracy(contents: DemoContents) -> list[Block]:
    own = contents.classifier_accuracy
    rows = [(s.name, f"{_percent(s.accuracy)} ± {_percent(s.accuracy_error)}") for s in contents.sample_sets]
    return [
        Paragraph(
            "A separate classifier, trained on real data, is shown samples and asked for their class. If it names the "
            "class the model was asked to draw, the sample is recognisable. The classifier makes mistakes on real data "
            f"too: it gets {_percent(own)} of held-out data right, and samples as good as real data would reach that."
        ),
        Table([*rows, ("Real held-out data", _percent(own))], header=("Shown to the classifier", "Recognised")),
    ]


def _bound(bound: Bound) -> list[Block]:
    vlb = bound.vlb
    decoder, steps = vlb.vb[:, 0], vlb.vb[:, 1:].sum(1)
    total = Estimate.of(vlb.total_bpd)
    terms = [Estimate.of(column) for column in vlb.vb.T]
    figure = bound_by_timestep([e.mean for e in terms], [e.standard_error for e in terms], bound.timesteps)
    rows = [
        ("Prior: what is left of the data after all noise was added", str(Estimate.of(vlb.prior_bpd))),
        (f"Reverse steps: {vlb.vb.shape[1] - 1:,} of them together", str(Estimate.of(steps))),
        ("Decoder: from the least noisy step to exact values", str(Estimate.of(decoder))),
        ("Total", str(total)),
        ("For comparison: a histogram of each pixel", f"{bound.histogram_bpd:.3f}"),
    ]
    return [
        Paragraph(
            f"How many bits would it take to store one value (say, one pixel) of data the model has never seen, if the "
            f"model's probabilities were used to compress it? That number is called bits/dim, and lower is better. "
            f"A model that only knows how often each pixel has each grey level needs {bound.histogram_bpd:.3f}; this "
            f"one needs at most {total.mean:.3f}. It is an upper bound, the sum of one term for every step."
        ),
        Table(rows, header=("Term", "bits/dim")),
        Paragraph(
            f"Mean over {vlb.total_bpd.numel():,} held-out samples ± standard error, which says how far the mean would "
            "typically be off with as many other samples."
        ),
        Picture(
            figure,
            "Two line charts: bits per dimension of each step, and their running sum",
            "Each step's share of the bound. Without the prior, the running sum ends at the total.",
        ),
        *([] if bound.fractions is None else _variance(bound.fractions)),
    ]


def _variance(fractions: VarianceFractions) -> list[Block]:
    return [
        Paragraph(
            "Besides the data, this network predicts how much noise each reverse step should add. How much is best, if "
            "it is the same for all pixels, can be computed from how well the network predicts the data. Far from that "
            "line a better variance may be had without training: see idm calibrate."
        ),
        Picture(
            learned_and_best(fractions),
            "A line chart: the learned variance and the best one, over the noise level",
            "What was learned is averaged over samples and pixels, and may differ between them; the best line is the "
            "one number that suits all of them.",
        ),
    ]


def _reconstruction(contents: DemoContents) -> list[Block]:
    found = contents.reconstruction
    both = ("original", found.originals), ("rebuilt", found.reconstructions)
    rows = [
        (name, grid(x[:MAX_RECONSTRUCTIONS], contents.codec, columns=MAX_RECONSTRUCTIONS, min_tile=TILE_PIXELS))
        for name, x in both
    ]
    return [
        Paragraph(
            "Sampling without fresh noise can be run backwards: a real sample is turned into the noise it would have "
            "come from, and that noise is sampled again, by steps that undo each other exactly (BDIA)."
        ),
        LabelledPictures(rows, "Held-out samples", f"{found.steps:,} steps in each direction."),
        Cards(
            [
                Card(_percent(found.exact_share), "of all values come back exactly"),
                Card(f"{found.rms_error:.3g}", "root mean square error, in units of the data"),
            ]
        ),
    ]


def _interpolations(contents: DemoContents) -> list[Block]:
    x = contents.interpolations
    picture = grid(x.flatten(0, 1), contents.codec, columns=x.shape[1], min_tile=TILE_PIXELS)
    return [
        Paragraph(
            "Two samples are turned into noise, the noise is mixed in small steps from the first to the second, and "
            "each mixture is sampled. Where every step of the way is a plausible shape, the model has learned more "
            "than a list of examples."
        ),
        Picture(picture, "Rows of samples that change gradually", "Each row leads from one sample to another."),
    ]


def _training(contents: DemoContents) -> list[Block]:
    return [
        Paragraph(
            "The network learns to tell noise from data at every noise level. Little noise is hard to see, so the "
            "error is largest for the least noisy steps; all curves should fall and then level off."
        ),
        Picture(loss_curve(contents.metrics), "Line chart: loss over training steps, by noise level"),
        *_memorisation(contents),
    ]


def _memorisation(contents: DemoContents) -> list[Block]:
    if not any("memorised" in row for row in contents.metrics):
        return []
    return [
        Paragraph(
            "A network that is trained on few samples for long enough learns them by heart: its errors on them fall "
            "below those on samples that it has not seen. Near zero, nothing is memorised."
        ),
        Picture(memorisation_clock(contents.metrics), "Line chart: memorisation over training steps"),
    ]


def _facts(contents: DemoContents) -> list[Block]:
    times = [(name, _duration(seconds)) for name, seconds in contents.chapters]
    return [SideBySide([Table(contents.facts), Table(times, header=("Chapter", "Wall-clock time"))])]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
