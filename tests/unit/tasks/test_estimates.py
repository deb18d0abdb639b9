"""Estimates of bounds, and likelihoods by the flow, in parts are what they are at once."""

import shutil

import pytest
import torch

from idm.likelihood import StepProposal
from idm.run import load, open_run_data
from idm.run.estimating import Terms, estimate_of, fit_terms
from idm.run.flows import flow_of_samples
from idm.tasks.estimates import estimate_in_parts, flow_in_parts, scored_in_parts
from idm.tasks.requests import ScoreRequest

from ..training.together import run_together


@pytest.fixture
def digits(tiny_run, tmp_path):
    return load(shutil.copytree(tiny_run, tmp_path / "run"), device="cpu")


@pytest.mark.parametrize("cost", [{"budget": 6}, {"target_se": 0.5}, {}], ids=str)
def test_two_processes_find_what_one_call_finds(digits, tmp_path, cost):
    asked = ScoreRequest(num=20, seed=3, batch_size=8, **cost)
    wanted = digits.evaluate(num=20, seed=3, batch_size=8, **cost).scored.scores

    def work(ranks):
        found = scored_in_parts(digits, open_run_data(digits), tmp_path / "parts", asked, ranks=ranks)
        if found is None:
            return None
        return all(torch.allclose(found.scores[name], values, rtol=1e-4, atol=1e-4) for name, values in wanted.items())

    assert run_together(2, tmp_path / "ranks", work) == [True, None]


def test_parts_that_were_drawn_by_another_proposal_are_drawn_again(digits, tmp_path):
    data, chain, count = open_run_data(digits), digits.diffusion, 20
    fitted = fit_terms(digits, data, chain, 6)
    even = torch.full_like(fitted.proposal.shares, 1 / (chain.num_timesteps - 1))
    for terms in (Terms(6, StepProposal(even)), fitted):
        # Two parts, so that they are kept.
        found = estimate_in_parts(digits, data, chain, count, terms, tmp_path / "parts", batch_size=8)
        alone = estimate_of(digits, data, chain, range(count), terms, batch_size=8)
        torch.testing.assert_close(found.bits_per_dim, alone.bits_per_dim, rtol=1e-4, atol=1e-4)


def test_a_likelihood_by_the_flow_is_that_of_one_call(digits, tmp_path):
    data, asked = open_run_data(digits), ScoreRequest(num=5, seed=3, batch_size=2, flow_steps=2)
    wanted = flow_of_samples(digits, data, range(5), seed=3, steps=2)

    def work(ranks):
        found = flow_in_parts(digits, data, tmp_path / "parts", asked.bound, ranks=ranks)
        return None if found is None else torch.allclose(found.bits_per_dim, wanted.bits_per_dim, rtol=1e-4, atol=1e-4)

    assert run_together(2, tmp_path / "ranks", work) == [True, None]
