"""What a classifier of a run's own data makes of its samples."""

import numpy as np
from torch import Tensor

from idm.core.errors import DataError
from idm.data import Dataset
from idm.likelihood import Estimate
from idm.metrics import Classifier
from idm.run.compared import read_piece
from idm.run.data import Data
from idm.run.drawing import require_memory, require_sampler
from idm.run.evaluation import Recognition
from idm.run.opened import Opened
from idm.samplers import Sampler


def recognise(run: Opened, data: Data, samples: Tensor) -> Recognition:
    """Score samples that were drawn of every class in turn.

    ``require_recognition`` tells beforehand whether that can be done.
    """
    labels = run.label_kwargs(None, len(samples))["y"]
    classifier = Classifier(*_labelled(data.train))
    x, y = _labelled(data.held_out)
    as_data = run.spec.codec.rounded(samples)
    return Recognition(
        Estimate.of(classifier.correct(as_data, labels)), Estimate.of(classifier.correct(x, y)), len(samples)
    )


def require_recognition(run: Opened, data: Data, num: int, sampler: Sampler | None = None) -> Sampler:
    """Return the sampler of samples that can be recognised, before anything is drawn or scored.

    Args:
        run: the trained model.
        data: what is scored.
        num: how many samples are wanted.
        sampler: what draws them; the run's own by default.

    Raises:
        SettingsError: the network was trained without classes, the samples are more than memory holds, or the sampler
            has no use for the run's variance.
        DataError: other data than the run's own, of which none are for training a classifier.
    """
    asked = f"samples={num}"
    run.require_classes(asked)
    require_memory(num, run.spec.shape, asked)
    if len(data.train) == 0:
        raise DataError(
            f"{asked}: the run's training data wanted for its classifier, got others; leave out samples=N or data=PATH"
        )
    sampler = sampler or run.sampler()
    require_sampler(run, sampler)
    return sampler


def _labelled(dataset: Dataset) -> tuple[Tensor, Tensor]:
    found = read_piece(dataset, np.arange(dataset.num_read))
    assert found.y is not None, "the caller made sure that there are classes"
    return found.x, found.y
