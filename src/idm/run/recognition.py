"""What a classifier of a run's own data makes of its samples."""

from torch import Tensor

from idm.core.errors import DataError
from idm.core.progress import SILENT, Listener
from idm.data import Dataset
from idm.likelihood import Estimate
from idm.metrics import Classifier
from idm.run.data import Data
from idm.run.drawing import draw
from idm.run.evaluation import Recognition
from idm.run.opened import Opened
from idm.samplers import Sampler


def recognition(
    run: Opened,
    data: Data,
    num: int,
    *,
    sampler: Sampler | None = None,
    seed: int = 0,
    guidance: float = 1.0,
    listener: Listener = SILENT,
) -> Recognition:
    """Draw samples of every class in turn and let a classifier of the training data name their class.

    Raises:
        SettingsError: the network was trained without classes.
    """
    run.require_classes("recognition")
    drawn = draw(run, num, seed=seed, guidance=guidance, sampler=sampler, listener=listener)
    return recognise(run, data, drawn)


def recognise(run: Opened, data: Data, samples: Tensor) -> Recognition:
    """Score samples that were drawn of every class in turn.

    Raises:
        DataError: no training data for the classifier.
    """
    require_training_data(data)
    labels = run.label_kwargs(None, len(samples))["y"]
    classifier = Classifier(*_labelled(data.train))
    x, y = _labelled(data.held_out)
    as_data = run.spec.codec.encode(run.spec.codec.decode(samples))
    return Recognition(
        Estimate.of(classifier.correct(as_data, labels)), Estimate.of(classifier.correct(x, y)), len(samples)
    )


def require_training_data(data: Data) -> None:
    """Refuse other data than the run's own, of which nothing is for training.

    Raises:
        DataError: no training data for the classifier.
    """
    if len(data.train) == 0:
        raise DataError(
            "samples: the run's training data wanted for its classifier, got others; leave out samples or data"
        )


def _labelled(dataset: Dataset) -> tuple[Tensor, Tensor]:
    x, y = dataset.first(len(dataset))
    assert y is not None, "the caller made sure that there are classes"
    return x, y
