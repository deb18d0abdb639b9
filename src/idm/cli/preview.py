"""What a model in training looks like: a grid of samples at intervals."""

from torch import Tensor

from idm.core.places import file_in
from idm.experiment import Run
from idm.report import columns_of, save_grid, save_scatter
from idm.training.memory import in_smaller_pieces

NUM_IMAGES, NUM_POINTS = 64, 1_000


def preview(step: int, run: Run) -> None:
    """Draw samples, every class in turn, and write them to RUN/samples/step-000500.png.

    Raises:
        ProcessError: memory is short even for single samples.
        NumericalError: samples are not finite.
    """
    path = file_in(run.path, "samples", f"step-{step:06d}.png")
    if len(run.spec.shape) == 1:
        save_scatter(path, _drawn(run, NUM_POINTS), run.spec.codec)
        return
    columns = columns_of(NUM_IMAGES, run.spec.num_classes or 1) or 8
    num = NUM_IMAGES // columns * columns
    save_grid(path, _drawn(run, num), run.spec.codec, columns)


def _drawn(run: Run, num: int) -> Tensor:
    """Draw samples, as many at a time as memory has room for."""
    return in_smaller_pieces(min(num, run.batch_size), lambda size: run.sample(num, batch_size=size))
