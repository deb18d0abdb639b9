"""Estimates of bounds, some samples at a time, in parts that outlive an interruption and by several processes."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from idm.core.progress import SILENT, Listener
from idm.core.ranks import Ranks
from idm.diffusion import GaussianDiffusion
from idm.likelihood import FlowLikelihood, SampledBound
from idm.likelihood.flow import flow_calls, usual_probes
from idm.run import Data, Opened
from idm.run.bound_request import BoundRequest
from idm.run.continuous import continuous_of_samples, num_scored, plan_calls
from idm.run.estimating import Terms, estimate_of, plan_terms
from idm.run.flows import FLOW_IMAGES, flow_of_samples, warn_of_few_steps
from idm.run.held_out_bounds import ScoredBound
from idm.run.scoring import chain_to_score, summary_of_estimate
from idm.tasks.long_jobs import BOUND_IMAGES, bound_in_parts, request_of, request_of_bound
from idm.tasks.map_parts import mapped_in_parts
from idm.tasks.part_files import Part
from idm.tasks.parts import Job, told_in_parts
from idm.tasks.requests import ScoreRequest

COLUMNS = ("bits_per_dim", "variance", "prior", "decoder", "decoder_variance")


def scored_in_parts(
    run: Opened,
    data: Data,
    folder: str | Path,
    wanted: ScoreRequest,
    *,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> ScoredBound | None:
    """Evaluate the bound that is wanted, or estimate it, where there is a limit to what it may cost.

    Arguments, and all else that is not said here, as of ``bound_in_parts``.
    """
    ranks, bound = ranks or Ranks(), wanted.bound
    chain, count = chain_to_score(run, data, steps=bound.steps, plan=bound.plan, num=bound.num, listener=listener)
    terms = ranks.on_main(lambda: plan_terms(run, data, chain, count, bound, listener))
    if bound.maps:
        return mapped_in_parts(run, data, chain, count, folder, wanted, ranks=ranks, listener=listener)
    if terms is None:
        return bound_in_parts(run, data, folder, wanted, ranks=ranks, listener=listener)
    seed, size = bound.seed, bound.batch_size
    found = estimate_in_parts(
        run, data, chain, count, terms, folder, seed=seed, batch_size=size, ranks=ranks, listener=listener
    )
    return None if found is None else summary_of_estimate(run, data, chain, replace(found, target=terms.target))


def estimate_in_parts(
    run: Opened,
    data: Data,
    chain: GaussianDiffusion,
    count: int,
    terms: Terms,
    folder: str | Path,
    *,
    seed: int = 0,
    batch_size: int = 512,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> SampledBound | None:
    """Evaluate what ``estimate_of`` does for the first ``count`` samples.

    Other arguments, and all else that is not said here, as of ``bound_in_parts``.
    """
    ranks = ranks or Ranks()
    request = request_of_bound(run, data, chain, seed) | {"calls": terms.calls, "proposal": _hash_of(terms)}
    size = _samples_in_part(batch_size, terms.calls)
    job = Job("bound", Path(folder), request, count, size, dict.fromkeys(COLUMNS, ()))

    def score(part: range, within: Listener) -> SampledBound:
        return estimate_of(run, data, chain, part, terms, seed=seed, batch_size=batch_size, listener=within)

    return _sampled_in_parts(job, batch_size, terms.calls, score, ranks, listener)


def _hash_of(terms: Terms) -> str:
    """Tell a proposal of steps from others, to four digits: the last ones may differ when it is fitted again."""
    return hashlib.sha256(" ".join(f"{share:.3e}" for share in terms.proposal.shares.tolist()).encode()).hexdigest()


def continuous_in_parts(
    run: Opened,
    data: Data,
    folder: str | Path,
    wanted: BoundRequest,
    *,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> SampledBound | None:
    """Estimate the bound of held-out data in continuous time, as many samples at a time as fill a batch with levels.

    Arguments, and all else that is not said here, as of ``bound_in_parts``.
    """
    ranks, count = ranks or Ranks(), num_scored(data, wanted)
    plan = ranks.on_main(lambda: plan_calls(run, data, wanted, listener))
    calls = plan.calls
    request = request_of_bound(run, data, run.diffusion, wanted.seed) | {"continuous": calls}
    size = _samples_in_part(wanted.batch_size, calls)
    job = Job("bound", Path(folder), request, count, size, dict.fromkeys(COLUMNS, ()))

    def score(part: range, within: Listener) -> SampledBound:
        return continuous_of_samples(run, data, part, wanted, calls, within)

    found = _sampled_in_parts(job, wanted.batch_size, calls, score, ranks, listener)
    return None if found is None else replace(found, target=plan.target)


def _samples_in_part(batch_size: int, calls: int) -> int:
    """Return how many samples of so many calls are a part, whatever the number of processes is."""
    return max(BOUND_IMAGES, -(-batch_size // calls))


def _sampled_in_parts(
    job: Job,
    batch_size: int,
    calls: int,
    score: Callable[[range, Listener], SampledBound],
    ranks: Ranks,
    listener: Listener,
) -> SampledBound | None:
    """Put together what is found of every part, of ``calls`` of the network for each sample."""
    units = calls * -(-job.size // min(job.size, batch_size))

    def compute(part: range, within: Listener) -> Part:
        found = score(part, within)
        return {name: getattr(found, name) for name in COLUMNS}

    found = told_in_parts(job, units, compute, ranks, listener, "terms")
    return None if found is None else SampledBound(calls=calls, target=None, **found)


def flow_in_parts(
    run: Opened,
    data: Data,
    folder: str | Path,
    wanted: BoundRequest,
    *,
    ranks: Ranks | None = None,
    listener: Listener = SILENT,
) -> FlowLikelihood | None:
    """Evaluate the likelihood of held-out data by the flow, a batch of at most 64 samples at a time.

    Arguments, and all else that is not said here, as of ``bound_in_parts``.
    """
    ranks, steps, seed = ranks or Ranks(), wanted.flow_steps, wanted.seed
    count = num_scored(data, wanted)
    given = {"flow_steps": steps, "seed": seed, "data": data.spec.to_plain()}
    size = min(wanted.batch_size, FLOW_IMAGES)
    job = Job("flow", Path(folder), request_of(run) | given, count, size, {"bits_per_dim": (), "of_half": ()})

    def compute(part: range, within: Listener) -> Part:
        found = flow_of_samples(run, data, part, seed=seed, steps=steps, batch_size=size, listener=within)
        return {"bits_per_dim": found.bits_per_dim, "of_half": found.of_half}

    found = told_in_parts(job, flow_calls(steps), compute, ranks, listener, "calls")
    if found is None:
        return None
    return warn_of_few_steps(FlowLikelihood(steps=steps, probes=usual_probes(run.spec.shape), **found))
