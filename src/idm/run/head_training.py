"""Training a head that predicts the errors of a run's network."""

from dataclasses import asdict, dataclass
from typing import final

import torch
from torch import Tensor, nn

from idm.core.counts import whole_number
from idm.core.errors import SettingsError
from idm.core.progress import SILENT, Listener
from idm.core.rng import Rng, derive_seed
from idm.data import Dataset
from idm.diffusion import Denoiser
from idm.networks.error_network import error_network
from idm.run.data import Data
from idm.run.heads import keep_head
from idm.run.measuring import chosen_samples
from idm.run.opened import Opened
from idm.training.error_head import HeadFit, HeadTraining
from idm.training.head_losses import HEADS
from idm.training.memory import in_smaller_pieces

NUM_STEPS, BATCH_SIZE = 300, 128
MOST_STEPS = 1_000_000


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
    begun = _Begun(run, chosen_samples(data), head)
    network, found = in_smaller_pieces(batch_size, lambda size: begun.fit(num_steps, size, listener))
    keep_head(run.curves, head, network, asdict(found), data.spec.fingerprint)
    return found


@final
@dataclass(frozen=True, eq=False)
class _Begun:
    """A training of a head of that name, on samples of a run; all that is drawn is a function of the run's seed."""

    run: Opened
    samples: Dataset
    head: str

    @property
    def seed(self) -> int:
        return derive_seed(self.run.experiment.seed, f"head {self.head}")

    def draw(self, step: int, count: int) -> tuple[Tensor, Denoiser]:
        """Choose samples for a step, and the run's denoiser of them."""
        share = Rng.from_seed(derive_seed(self.seed, "samples", step) >> 16, count).uniform("samples")[:, 0]
        x, y = self.samples.batch((share * len(self.samples)).long().numpy())
        return x.to(self.run.device), self.run.scoring_denoiser(y)

    def fit(self, num_steps: int, batch_size: int, listener: Listener) -> tuple[nn.Module, HeadFit]:
        """Train one from the beginning."""
        run = self.run
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = error_network(run.spec.shape).to(run.device)
        curve, loss = run.curves.read().of_places, HEADS[self.head]()
        training = HeadTraining(run.diffusion, curve, self.draw, loss, num_steps, batch_size, self.seed)
        return network, training.train(network, listener)


def require_head(head: str, num_steps: int) -> None:
    """Refuse what is no head, or no number of optimiser steps, before anything is measured.

    Raises:
        UnknownNameError, SettingsError: as said.
    """
    _ = HEADS[head]
    if not 1 <= whole_number(num_steps, "steps") <= MOST_STEPS:
        raise SettingsError(f"steps: a number from 1 to {MOST_STEPS:,} wanted, got {num_steps}")
