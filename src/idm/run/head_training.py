"""Training a head that predicts the errors of a run's network."""

from dataclasses import asdict

import torch
from torch import Tensor, nn

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng, derive_seed
from idm.diffusion import Denoiser
from idm.likelihood import Calibration
from idm.likelihood.curves import LEVELS_OF_CURVES
from idm.networks.error_network import error_network
from idm.run import measuring
from idm.run.data import Data
from idm.run.heads import keep_head
from idm.run.measuring import NUM_SAMPLES, chosen_samples, measure_curves
from idm.run.opened import Opened
from idm.training.error_head import HeadFit, fit_error_head
from idm.training.head_losses import HEADS
from idm.training.memory import in_smaller_pieces

NUM_STEPS, BATCH_SIZE = 300, 128
MOST_STEPS = 1_000_000


def measure_and_train(
    run: Opened,
    data: Data,
    *,
    num: int = NUM_SAMPLES,
    num_levels: int = LEVELS_OF_CURVES,
    head: str | None = None,
    steps: int | None = None,
    batch_size: int = measuring.BATCH_SIZE,
    listener: Listener = SILENT,
) -> tuple[Calibration, HeadFit | None]:
    """Measure the curves of a run, then train a head that begins with them, where one is wanted; both are kept.

    Arguments and errors as of ``measure_curves`` and ``train_head``; ``steps`` are 300 where None.
    """
    if head is None and steps is not None:
        raise SettingsError(f"steps: none wanted without a head to train, got {steps}; name one with head=npr")
    num_steps = NUM_STEPS if steps is None else steps
    if head is not None:
        require_head(head, num_steps)
    found = measure_curves(run, data, num=num, num_levels=num_levels, batch_size=batch_size, listener=listener)
    if head is None:
        return found, None
    size = min(BATCH_SIZE, batch_size)
    return found, train_head(run, data, head, num_steps=num_steps, batch_size=size, listener=listener)


def train_head(
    run: Opened,
    data: Data,
    head: str,
    *,
    num_steps: int = NUM_STEPS,
    batch_size: int = BATCH_SIZE,
    listener: Listener = SILENT,
) -> HeadFit:
    """Train a head of a run whose curves were measured, and keep it; the run's network stays as it is.

    Args:
        run: the trained model.
        data: its own data, whose training samples are used, all of them, or others, from ``open_data_to_score``.
        head: one of ``HEADS``.
        num_steps: of the optimiser.
        batch_size: samples for each, at first; fewer where memory is short.
        listener: hears how it gets on.

    Raises:
        UnknownNameError: no such head.
        SettingsError: no such number of steps, or no curves.
        DataError: no samples.
        NumericalError: what the network returns is not finite.
        CheckpointError: the disk refuses.
        ProcessError: memory is short even for single samples.
    """
    require_head(head, num_steps)
    curve, loss, chosen = run.curves.read().of_places, HEADS[head](), chosen_samples(data)
    seed = derive_seed(run.experiment.seed, f"head {head}")

    def draw(step: int, count: int) -> tuple[Tensor, Denoiser]:
        share = Rng.from_seed(derive_seed(seed, "samples", step) >> 16, count).uniform("samples")[:, 0]
        x, y = chosen.batch((share * len(chosen)).long().numpy())
        given = {} if y is None else {"y": y.to(run.device)}
        return x.to(run.device), run.denoiser(run.diffusion, given, clip=run.spec.codec.bounded)

    def fit(size: int) -> tuple[nn.Module, HeadFit]:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = error_network(run.spec.shape).to(run.device)
        return network, fit_error_head(
            network,
            run.diffusion,
            curve,
            draw,
            loss,
            num_steps=num_steps,
            batch_size=size,
            seed=seed,
            listener=listener,
        )

    network, found = in_smaller_pieces(batch_size, fit)
    keep_head(run.curves, head, network, asdict(found), data.spec.fingerprint)
    return found


def require_head(head: str, num_steps: int) -> None:
    """Refuse what is no head, or no number of optimiser steps, before anything is measured.

    Raises:
        UnknownNameError, SettingsError: as said.
    """
    _ = HEADS[head]
    if not 1 <= whole_number(num_steps, "steps") <= MOST_STEPS:
        raise SettingsError(f"steps: a number from 1 to {MOST_STEPS:,} wanted, got {num_steps}")
