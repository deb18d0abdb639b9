"""A trained model of which more is found out after training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from idm.core.counts import at_least, whole_number
from idm.core.notebook import listener_or_quiet
from idm.core.progress import Listener
from idm.likelihood import Calibration, Estimate
from idm.run.calibrated import CalibrateRequest, measure_and_train
from idm.run.classified import Classified
from idm.run.data import Data
from idm.run.drawing import draw
from idm.run.fitting import fit_solver
from idm.run.opened import Opened
from idm.run.other_data import open_data_to_score
from idm.run.own_data import open_run_data
from idm.run.scorable import Scorable
from idm.run.scoring import bits_per_dim, bound_of_samples, chain_to_score
from idm.run.solver_fit import SolverFit
from idm.run.tradeoff import WAYS, Tradeoff, TradeoffPlan, plan_tradeoff
from idm.samplers import Sampler


@dataclass(frozen=True, eq=False, repr=False)
class Measurable(Classified, Scorable):
    """The part of a ``Run`` that measures. Samples come in the data's own units, type and order of axes."""

    def calibrate(
        self,
        data: str | Path | None = None,
        *,
        condition: str | Path | None = None,
        num: int = CalibrateRequest.num,
        num_levels: int = CalibrateRequest.num_levels,
        head: str | None = None,
        steps: int | None = None,
        batch_size: int = CalibrateRequest.batch_size,
        listener: Listener | None = None,
    ) -> Calibration:
        """Measure how far the network is from x_0 over the noise level, and keep that beside the checkpoint.

        The analytic variances of ``using`` and the plans of ``sampler`` and ``evaluate`` are computed from it. A head,
        where one is wanted, is then trained to predict it from noisy samples, for ``using(variance="npr")``.

        Args:
            data: a folder or file of other data; the training samples of its own where None. The bound of the very data
                that a run was calibrated on is a little too low.
            condition: the conditions of these other data, for a run that is told such.
            num: how many samples, the first ones; 0: all.
            num_levels: noise levels, at the most.
            head: a small network to train on all training samples, the run's own staying as it is: "npr" learns the
                residual of the noise, "sn" the squared noise; none where None.
            steps: of the optimiser, for the head; 300 by default.
            batch_size: samples per call of the network, at first; fewer where memory is short.
            listener: as in ``sample``.

        Raises:
            DataError: no samples, or data that cannot be read or do not fit.
            SettingsError: numbers below 1, more samples than memory holds, more levels than are read again of such
                samples, no such head, or a run that no checkpoint holds.
            NumericalError: what the network returns is not finite.
            CheckpointError: the disk refuses.
            ProcessError: memory is short even for single samples.
        """
        wanted = CalibrateRequest(at_least(0, num, "num"), num_levels, head, steps, batch_size)
        opened, listener = open_data_to_score(self, data, condition=condition), listener_or_quiet(listener)
        return measure_and_train(self, opened, wanted, listener).calibration

    def fit_solver(
        self,
        calls: int = 4,
        *,
        guidance: float = 1.0,
        batch_size: int | None = None,
        listener: Listener | None = None,
    ) -> SolverFit:
        """Fit a solver of a few calls to this network's own walks, and keep it beside the checkpoint.

        ``run.sampler(name="fitted", steps=calls)`` then takes its steps. Nothing is trained.

        Args:
            calls: of the network, from 1 to 20.
            guidance: scale of classifier-free guidance; the solver serves that scale alone.
            batch_size: samples per call of the network, at first; fewer where memory is short.
            listener: as in ``sample``.

        Raises:
            SettingsError: no such number, guidance that the network was not trained for, samples too large for the
                memory of this machine, or a run that no checkpoint holds.
            NumericalError: what the network returns is not finite.
            CheckpointError: the disk refuses.
            ProcessError: memory is short even for single samples.
        """
        return fit_solver(self, calls, guidance=guidance, batch_size=batch_size, listener=listener_or_quiet(listener))

    def tradeoff(
        self,
        *,
        samplers: Sequence[str] = WAYS,
        calls: Sequence[int] | None = None,
        samples: int = 1000,
        num: int = 0,
        seed: int = 0,
        batch_size: int | None = None,
        listener: Listener | None = None,
    ) -> Tradeoff:
        """Compare samples and bounds over the calls of the network that they cost, with the same noise throughout.

        Args:
            samplers: NAME, NAME:SPACING or NAME:SPACING:VARIANCE each.
            calls: of the network for each sample, at the most; 5, 10, 20 and 50 by default.
            samples: of each, of every class in turn.
            num: held-out samples to score; 0: all.
            seed: sample i is drawn from seed + i by all of them.
            batch_size: samples, or pairs of samples and steps, per call of the network; the run's own by default.
            listener: as in ``sample``.

        Raises:
            DataError: the run's data cannot be opened.
            SettingsError: a line per wrong value.
            NumericalError: samples or bounds are not finite.
        """
        data, listener = open_run_data(self), listener_or_quiet(listener)
        plan = plan_tradeoff(self, data, ways=samplers, calls=calls, samples=samples)
        size = self.batch_size if batch_size is None else whole_number(batch_size, "batch_size")
        return measure_tradeoff(plan, data, samples, num, seed=seed, batch_size=size, listener=listener)


def measure_tradeoff(
    plan: TradeoffPlan, data: Data, samples: int, num: int = 0, *, seed: int, batch_size: int, listener: Listener
) -> Tradeoff:
    """Draw and score what was planned; arguments and errors as of ``Measurable.tradeoff``."""

    def drawn(run: Opened, sampler: Sampler) -> Tensor:
        return draw(run, samples, seed=seed, sampler=sampler, batch_size=batch_size, listener=listener)

    def scored(run: Opened, steps: int) -> Estimate:
        chain, count = chain_to_score(run, data, steps=steps, num=num)
        bound = bound_of_samples(run, data, chain, range(count), seed=seed, batch_size=batch_size, listener=listener)
        return bits_per_dim(run, bound)

    return plan.measure(drawn, scored)
