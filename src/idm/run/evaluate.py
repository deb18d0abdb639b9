"""Measuring a trained run on its held-out data, and its samples with a classifier of the real data."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from idm.core.errors import DataError
from idm.core.progress import Progress
from idm.core.tensors import require_finite
from idm.data import Dataset
from idm.diffusion import Denoiser, GaussianDiffusion
from idm.likelihood import VLB, Estimate, estimate_bpd, evaluate_bound
from idm.metrics import Classifier, histogram_bpd
from idm.run.data import Data, data_differences, open_data
from idm.run.run import Run
from idm.samplers import Sampler
from idm.schedules import refuse_more_steps, spaced


@dataclass(frozen=True, eq=False)
class HeldOutBound:
    """The variational bound of held-out data.

    Attributes:
        vlb: the bound and its terms, in bits/dim; of continuous data in the data's own units.
        timesteps: the number that each step had in the schedule it was first defined in, increasing.
        histogram: bits/dim of histograms of each pixel by class; None for continuous data.
    """

    vlb: VLB
    timesteps: list[int]
    histogram: Estimate | None

    @property
    def total(self) -> Estimate:
        """The bound, bits/dim, with its standard error over samples."""
        return Estimate.of(self.vlb.total_bpd)


@dataclass(frozen=True)
class Recognition:
    """What a classifier of real data makes of samples.

    Attributes:
        samples: share of samples recognised as the class they were drawn for.
        real: share of held-out data recognised.
        num: number of samples.
    """

    samples: Estimate
    real: Estimate
    num: int


def open_run_data(run: Run) -> Data:
    """Open the data a run was trained on, with the codec it was trained with.

    Raises:
        DataError: they cannot be read, or are not what they were; or their code is not trusted, see ``load``.
    """
    data = open_data(run.experiment.data, run.spec.codec, trust_code=run.trust_code, before=run.spec)
    if differences := data_differences(run.spec, data.spec):
        raise DataError(
            f"data: the data of this run wanted, got others ({'; '.join(differences)}); "
            "restore the data it was trained on"
        )
    return data


def held_out_bound(
    run: Run, data: Data, *, steps: int = 0, num: int = 0, seed: int = 0, batch_size: int = 512, progress: bool = False
) -> HeldOutBound:
    """Evaluate the bound of held-out data.

    Args:
        run: the trained model.
        data: its data, from ``open_run_data``, or others, from ``open_data_to_score``.
        steps: evaluate the bound of a chain of that many evenly spaced steps; 0: the whole chain.
        num: how many held-out samples; 0: all.
        seed: seed of the noise.
        batch_size: (sample, step) pairs per call of the network.
        progress: show progress.

    Raises:
        DataError: nothing is held out.
        SettingsError: more steps than there are.
    """
    chain, count = chain_to_score(run, data, steps=steps, num=num)
    vlb = bound_of_samples(run, data, chain, range(count), seed=seed, batch_size=batch_size, progress=progress)
    return summary(run, data, chain, vlb)


def chain_to_score(run: Run, data: Data, *, steps: int = 0, num: int = 0) -> tuple[GaussianDiffusion, int]:
    """Return the process whose bound is evaluated, and the number of held-out samples; arguments as above.

    Raises:
        DataError: nothing is held out.
        SettingsError: more steps than there are.
    """
    if len(data.held_out) == 0:
        raise DataError(f"data.held_out: held-out samples wanted for a bound, got none; {_way_out(run)}")
    total = run.diffusion.num_timesteps
    refuse_more_steps(run.diffusion.schedule, steps, "steps")
    chain = run.diffusion.respace(spaced(total, steps)) if steps else run.diffusion
    return chain, min(num or len(data.held_out), len(data.held_out))


def _way_out(run: Run) -> str:
    """Say why a run has no held-out samples, and what works without them."""
    settings, total = run.experiment.data, run.spec.num_train
    if settings.held_out_list or settings.held_out_folder:
        reason = "the list or folder of this run names none"
    elif settings.held_out:
        reason = f"{settings.held_out:g} of its {total:,} samples is less than one"
    else:
        reason = "this run was trained with data.held_out=0"
    return f"{reason}: score other data with --data PATH, or train a new run with a number such as data.held_out=1"


def bound_of_samples(
    run: Run,
    data: Data,
    chain: GaussianDiffusion,
    numbers: range,
    *,
    seed: int = 0,
    batch_size: int = 512,
    progress: bool | Progress = False,
) -> VLB:
    """Evaluate the bound of the held-out samples of those numbers; sample i has the noise of seed + i.

    Raises:
        NumericalError: bounds are not finite.
    """
    x, y = data.held_out.batch(np.arange(numbers.start, numbers.stop))
    found = evaluate_bound(
        chain,
        _denoiser(run, chain, y),
        x.to(run.device),
        seed=seed + numbers.start,
        batch_size=batch_size,
        progress=progress,
    )
    require_finite(torch.stack([found.total_bpd, found.xstart_mse.sum(1), found.mse.sum(1)], dim=1), "bounds")
    return found


def summary(run: Run, data: Data, chain: GaussianDiffusion, vlb: VLB) -> HeldOutBound:
    """Say what the bound of the first held-out samples comes to."""
    histogram = _histogram(run, data, len(vlb.total_bpd))
    return HeldOutBound(_in_data_units(vlb, run), chain.schedule.timesteps.tolist(), histogram)


def held_out_estimate(run: Run, data: Data, *, num: int = 256, seed: int = 0, batch_size: int = 128) -> Estimate:
    """Estimate the bound of held-out data quickly, from a few random terms for each of at most ``num`` samples.

    The same samples, steps and noise are drawn whenever it is called, so that checkpoints are compared on equal terms.
    """
    x, y = data.held_out.first(num)
    bpd = estimate_bpd(
        run.diffusion,
        _denoiser(run, run.diffusion, y),
        x.to(run.device),
        seed=seed,
        batch_size=batch_size,
    )
    return Estimate.of(bpd + run.spec.codec.log2_scale)


def _denoiser(run: Run, chain: GaussianDiffusion, y: Tensor | None) -> Denoiser:
    return run.denoiser(chain, {} if y is None else {"y": y.to(run.device)}, clip=run.spec.codec.bounded)


def _in_data_units(vlb: VLB, run: Run) -> VLB:
    """A density changes with the units of the data; the decoder's term carries the change."""
    shift = run.spec.codec.log2_scale
    if shift == 0.0:
        return vlb
    decoder = torch.cat([vlb.vb[:, :1] + shift, vlb.vb[:, 1:]], dim=1)
    return VLB(vlb.total_bpd + shift, vlb.prior_bpd, decoder, vlb.xstart_mse, vlb.mse)


def _histogram(run: Run, data: Data, count: int) -> Estimate | None:
    levels = run.spec.codec.levels
    if levels is None or levels > len(data.train):
        return None  # histograms need several samples per level to be a baseline worth printing
    train_x, train_y = data.train.first(len(data.train))
    x, y = data.held_out.first(count)
    return Estimate.of(histogram_bpd(train_x, train_y, x, y, levels))


def recognition(
    run: Run,
    data: Data,
    num: int,
    *,
    sampler: Sampler | None = None,
    seed: int = 0,
    guidance: float = 1.0,
    progress: bool = False,
) -> Recognition:
    """Draw samples of every class in turn and let a classifier of the training data name their class.

    Raises:
        SettingsError: the network was trained without classes.
    """
    run.require_classes("recognition")
    drawn = run.sample(num, seed=seed, guidance=guidance, sampler=sampler, progress=progress)
    return recognise(run, data, drawn)


def recognise(run: Run, data: Data, samples: Tensor) -> Recognition:
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
            "--samples: the run's training data wanted for its classifier, got others; leave out --samples or --data"
        )


def _labelled(dataset: Dataset) -> tuple[Tensor, Tensor]:
    x, y = dataset.first(len(dataset))
    assert y is not None, "the caller made sure that there are classes"
    return x, y
