"""A trained model that is scored: on held-out data, on samples of one's own, beside another one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

import numpy.typing as npt
from torch import Tensor

from idm.core.counts import at_least
from idm.core.notebook import listener_or_quiet
from idm.core.progress import Listener
from idm.likelihood import FlowLikelihood
from idm.likelihood.flow import USUAL_FLOW_STEPS
from idm.metrics import Needs
from idm.run.bound_request import BoundOptions, BoundRequest
from idm.run.comparing import ComparedBounds, Comparison, EqualTerms, compare_bounds
from idm.run.continuous import continuous_of_held_out
from idm.run.data import Data
from idm.run.drawing import draw_batches, guided_samples
from idm.run.estimating import estimate_of, plan_terms
from idm.run.evaluation import Evaluation, Scores, about
from idm.run.figures import choose_metrics
from idm.run.flows import flow_of, flow_of_samples, warn_of_few_steps
from idm.run.held_out_bounds import ScoredBound
from idm.run.idle import refuse_idle
from idm.run.inputs import Inputs, as_inputs
from idm.run.labels import Labels
from idm.run.levels import level_scores
from idm.run.maps import mapped_bound, mapped_samples, require_room_for_maps
from idm.run.opened import Opened
from idm.run.other_data import open_data_of_both, open_data_to_score
from idm.run.restorable import Restorable
from idm.run.scoring import (
    bound_of,
    bound_of_samples,
    chain_of,
    chain_to_score,
    in_data_units,
    summary,
    summary_of_estimate,
)
from idm.run.views import seen_of
from idm.samplers import Sampler


@dataclass(frozen=True, eq=False, repr=False)
class Scorable(Restorable):
    """The part of a ``Run`` that scores. Samples come in the data's own units, type and order of axes."""

    def score(
        self,
        samples: npt.ArrayLike,
        *,
        labels: Labels | None = None,
        condition: npt.ArrayLike | None = None,
        steps: int = 0,
        plan: str | None = None,
        seed: int = 0,
        batch_size: int = 512,
        maps: bool = False,
        listener: Listener | None = None,
    ) -> Scores:
        """Evaluate the variational bound of each sample, in bits/dim.

        Args:
            samples: one or several.
            labels: their classes, in turn; no class by default.
            condition: their conditions, in turn, in the units of these, where the network is told conditions.
            steps: of the chain whose bound is evaluated; 0: all.
            plan: which levels that chain has, in place of evenly spaced ones; see ``sampler``.
            seed: sample i has the noise of seed + i.
            batch_size: (sample, step) pairs per call of the network.
            maps: also say where in each sample its bits are.
            listener: as in ``sample``.

        Raises:
            DataError: samples that do not fit the run's data.
            SettingsError: more steps than there are, or no labels for a network that knows classes only.
            NumericalError: bounds are not finite.
        """
        listener = listener_or_quiet(listener)
        inputs, chain = as_inputs(self, samples), chain_of(self, steps, plan, listener)
        y = _told(self, labels, condition, inputs)
        how: dict[str, Any] = {"seed": seed, "batch_size": batch_size, "listener": listener}
        mapped = mapped_bound(self, chain, inputs.x, y, **how) if maps else None
        found = bound_of(self, chain, inputs.x, y, **how) if mapped is None else mapped.vlb
        vlb = in_data_units(found, self)
        return Scores(vlb.total_bpd.double().cpu().numpy(), vlb, None if mapped is None else mapped.maps)

    def score_by_flow(
        self,
        samples: npt.ArrayLike,
        *,
        labels: Labels | None = None,
        condition: npt.ArrayLike | None = None,
        steps: int = USUAL_FLOW_STEPS,
        probes: int | None = None,
        seed: int = 0,
        batch_size: int = 512,
        listener: Listener | None = None,
    ) -> FlowLikelihood:
        """Evaluate the density of each sample under the probability flow, in bits/dim; see ``flow_likelihood``.

        Args:
            samples: one or several.
            labels: their classes, in turn; no class by default.
            condition: their conditions, in turn, in the units of these, where the network is told conditions.
            steps: of the solver, an even number.
            probes: vectors of random signs for each trace; 0: exact; by default exact for 16 values or fewer, else one.
            seed: sample i has the noise and the probes of seed + i.
            batch_size: samples per call of the network, of which at most 64 are taken.
            listener: as in ``sample``.

        Raises:
            DataError: samples that do not fit the run's data.
            SettingsError: numbers that cannot be, or no labels for a network that knows classes only.
            NumericalError: densities are not finite.
        """
        inputs, listener = as_inputs(self, samples), listener_or_quiet(listener)
        y = _told(self, labels, condition, inputs)
        how: dict[str, Any] = {"steps": steps, "probes": probes, "seed": seed, "batch_size": batch_size}
        return warn_of_few_steps(flow_of(self, inputs.x, y, **how, listener=listener))

    def evaluate(
        self,
        data: str | Path | None = None,
        *,
        condition: str | Path | None = None,
        samples: int = 0,
        sampler: Sampler | None = None,
        guidance: float = 1.0,
        metrics: Sequence[str] | None = None,
        features: str | None = None,
        cache: str | Path | None = None,
        listener: Listener | None = None,
        **bound: Unpack[BoundOptions],
    ) -> Evaluation:
        """Score the run on data that it has not seen.

        Args:
            data: a folder or file of other data; the held-out samples of its own where None.
            condition: the conditions of these other data, for a run that is told such.
            samples: number of samples to draw as well, which a classifier of the training data recognises.
            sampler: for these; the run's own by default.
            guidance: scale of classifier-free guidance of these; the bound is that of the network without it.
            metrics: names, or "module:callable", which is imported and run; "bound", and with samples "classifier".
            features: what is compared of samples: "pca" (the default), "pca:50", "values", "random", "classifier" (see
                ``train_classifier``), a network in a file, a folder with a DINOv2, or "module:function"; networks in
                files and functions are run.
            cache: a folder where features of real data are kept, and found again for the same data.
            listener: as in ``sample``.
            bound: steps, plan, num, budget, target_se, flow_steps, seed, batch_size, maps, as of ``BoundRequest``.

        Raises:
            DataError: nothing is held out, or data that cannot be read or do not fit.
            SettingsError: options that cannot be, or that no metric looks at, or what a metric refuses.
            NumericalError: bounds or samples are not finite.
        """
        wanted, samples = BoundRequest(**bound), at_least(0, samples, "samples")
        opened, listener = open_data_to_score(self, data, condition=condition), listener_or_quiet(listener)
        # Samples are drawn for the conditions of what they are compared with.
        guided = guided_samples(replace(self, data=opened), guidance, samples)
        what: dict[str, Any] = {"sampler": sampler, "features": features, "cache": cache}
        chosen = choose_metrics(guided, opened, metrics, samples=samples, **what)
        refuse_idle(wanted, chosen.members)
        scored = score_held_out(self, opened, wanted, listener) if Needs.BOUND in chosen.needs else None
        flow = flow_of_held_out(self, opened, wanted, listener) if Needs.FLOW in chosen.needs else None
        levels = level_scores(self, opened, wanted, listener) if Needs.LEVELS in chosen.needs else None
        endless = continuous_of_held_out(self, opened, wanted, listener) if Needs.CONTINUOUS in chosen.needs else None
        by, asked = chosen.sampler, about(self, wanted.seed, None if data is None else str(data), wanted.plan, guidance)
        evidence = chosen.known(guided, opened, listener)
        if by is not None:
            batches = draw_batches(guided, samples, seed=wanted.seed, sampler=by, listener=listener)
            evidence = seen_of(guided, chosen, evidence, batches)
        further: dict[str, Any] = {"flow": flow, "levels": levels, "continuous": endless}
        figures = chosen.figures(evidence, self, opened, scored, listener, **further)
        return Evaluation(scored, figures, asked, by, samples, chosen.features, **further)

    def compare(
        self,
        other: "Scorable",
        data: str | Path | None = None,
        *,
        condition: str | Path | None = None,
        budget: int = 0,
        steps: int = 0,
        num: int = 0,
        seed: int = 0,
        batch_size: int = 512,
        listener: Listener | None = None,
    ) -> ComparedBounds:
        """Compare the bounds of this run and another one on the same samples, image by image.

        Args:
            other: the other run.
            data: a folder or file of other data; the held-out samples where None, which are to be the same of both.
            condition: the conditions of these other data, for runs that are told such.
            budget: calls of the network for each sample, an even number from 4 on: its terms are a sample of all, drawn
                alike for both runs; 0: every term.
            steps: of the chains whose bounds are evaluated; 0: all.
            num: how many held-out samples; 0: all.
            seed: of steps and noise.
            batch_size: (sample, step) pairs per call of the network.
            listener: as in ``sample``.

        Raises:
            DataError: nothing is held out, or other samples than those of the other run.
            SettingsError: more steps than there are, no such number of calls, or data of other levels.
            NumericalError: bounds are not finite.
        """
        budget, steps, num = (at_least(0, *one) for one in ((budget, "budget"), (steps, "steps"), (num, "num")))
        both = open_data_of_both((self, other), data, condition=condition)
        terms = EqualTerms(budget, steps, num, seed, batch_size)
        return compare_bounds(Comparison((self, other), both, terms), listener_or_quiet(listener))


def flow_of_held_out(run: Opened, data: Data, wanted: BoundRequest, listener: Listener) -> FlowLikelihood:
    """Evaluate the likelihood of held-out data by the flow; errors are as of ``Run.evaluate``."""
    numbers = range(min(wanted.num or len(data.held_out), len(data.held_out)))
    how: dict[str, Any] = {"steps": wanted.flow_steps, "seed": wanted.seed, "batch_size": wanted.batch_size}
    return warn_of_few_steps(flow_of_samples(run, data, numbers, **how, listener=listener))


def score_held_out(run: Opened, data: Data, wanted: BoundRequest, listener: Listener) -> ScoredBound:
    """Evaluate or estimate the bound of held-out data; errors are as of ``Run.evaluate``."""
    chain, count = chain_to_score(run, data, steps=wanted.steps, plan=wanted.plan, num=wanted.num, listener=listener)
    terms = plan_terms(run, data, chain, count, wanted, listener)
    seed, size = wanted.seed, wanted.batch_size
    if wanted.maps:
        require_room_for_maps(run, count)
        mapped = mapped_samples(run, data, chain, range(count), seed=seed, batch_size=size, listener=listener)
        return replace(summary(run, data, chain, mapped.vlb, batch_size=size), maps=mapped.maps)
    if terms is None:
        vlb = bound_of_samples(run, data, chain, range(count), seed=seed, batch_size=size, listener=listener)
        return summary(run, data, chain, vlb, batch_size=size)
    found = estimate_of(run, data, chain, range(count), terms, seed=seed, batch_size=size, listener=listener)
    return summary_of_estimate(run, data, chain, replace(found, target=terms.target))


def _told(run: Opened, labels: Labels | None, condition: npt.ArrayLike | None, inputs: Inputs) -> Tensor | None:
    """Return what the network is told of samples that are scored."""
    kind = run.spec.label_kind
    asked = kind.read(kind.asked(labels, condition))
    return kind.told_in(run.conditioning(asked, inputs.labels))
