"""Everything that the demo page shows, measured elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from idm.data import Codec
from idm.likelihood import VLB, VarianceFractions


@dataclass(frozen=True, eq=False)
class SampleSet:
    """Samples of every class by one sampler.

    Attributes:
        name: the sampler and its number of steps, such as "DDPM, 250 steps".
        samples: in the model's range, the same number for each class, ordered by class.
        seconds: time to draw ``num`` samples, of which those shown are some.
        num: number of samples drawn and shown to the classifier.
        accuracy: share of them which the classifier gives the class they were drawn for.
        accuracy_error: standard error of that share.
    """

    name: str
    samples: Float[Tensor, "n c *space"]
    seconds: float
    num: int
    accuracy: float
    accuracy_error: float


@dataclass(frozen=True, eq=False)
class Denoising:
    """Some samples on their way from noise to data.

    Attributes:
        moments: samples at several moments, in the model's range.
        labels: a name for each moment, such as "t = 500".
    """

    moments: Float[Tensor, "k m c *space"]
    labels: Sequence[str]


@dataclass(frozen=True, eq=False)
class Bound:
    """The variational bound of held-out data.

    Attributes:
        vlb: the bound and its terms.
        timesteps: t of each term in the chain before steps were dropped, increasing.
        histogram_bpd: bits/dim of a model that knows how often each pixel has each level, and nothing else.
        fractions: what the network learned of the variance, beside the best; None where that is not known.
    """

    vlb: VLB
    timesteps: Sequence[int] | Sequence[float]
    histogram_bpd: float
    fractions: VarianceFractions | None = None


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Held-out samples, inverted to noise and sampled back.

    Attributes:
        originals: in the model's range.
        reconstructions: in the model's range.
        exact_share: share of all values that come back exactly.
        rms_error: root of the mean squared error, in units of the data.
        steps: number of steps in either direction.
    """

    originals: Float[Tensor, "n c *space"]
    reconstructions: Float[Tensor, "n c *space"]
    exact_share: float
    rms_error: float
    steps: int


@dataclass(frozen=True, eq=False)
class DemoContents:
    """Everything that the demo page shows.

    Attributes:
        title: heading of the page.
        lead: one or two sentences on what was trained.
        facts: names and values: settings, number of parameters, training time, images/s, machine, versions.
        codec: the codec of the data.
        class_names: names of the classes, in order.
        sample_sets: the slowest sampler first.
        denoising: samples on their way from noise to data.
        metrics: lines of metrics.jsonl.
        bound: the variational bound of held-out data.
        reconstruction: held-out samples, inverted to noise and sampled back.
        interpolations: samples between pairs of samples, in the model's range.
        classifier_accuracy: share of held-out data which the classifier gets right.
        chapters: names of the chapters of the demo and their wall-clock times in seconds; that of training is over all
            starts.
    """

    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    codec: Codec
    class_names: Sequence[str]
    sample_sets: Sequence[SampleSet]
    denoising: Denoising
    metrics: Sequence[Mapping[str, float]]
    bound: Bound
    reconstruction: Reconstruction
    interpolations: Float[Tensor, "pairs n c *space"]
    classifier_accuracy: float
    chapters: Sequence[tuple[str, float]]
