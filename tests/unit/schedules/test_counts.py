"""How many steps may be asked of a chain."""

import math

import pytest

from idm.core.errors import SettingsError
from idm.diffusion import GaussianDiffusion
from idm.editing import inversion_process
from idm.schedules import cosine_schedule, refuse_more_steps, what_is_left_out

FLOOR = 1 / 16
"""Half a bin of data of 17 levels, such as the digits, in the model's range."""


def squared_cosine(u: float) -> float:
    """What ᾱ is proportional to (Nichol & Dhariwal 2021, eq. 17)."""
    return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2


BELOW = sum(math.sqrt(1 - squared_cosine((t + 1) / 1000) / squared_cosine(0)) < FLOOR for t in range(1000))
"""Steps of the chain that have less noise than the floor."""


def test_the_noise_floor_is_named_with_the_number_of_steps_that_it_leaves_out() -> None:
    chain = cosine_schedule(1000).with_noise_floor(FLOOR)
    refuse_more_steps(chain, 1000 - BELOW, "steps")
    refuse_more_steps(chain, 0, "steps")
    with pytest.raises(SettingsError) as refusal:
        refuse_more_steps(chain, 1000, "sampler.steps")
    assert refusal.value.lines == (
        f"sampler.steps: a number from 1 to {1000 - BELOW} (or 0 for all) wanted, got 1000; "
        f"of 1000 steps, the noise floor leaves out the {BELOW} with the least noise",
    )


def test_the_end_that_is_left_out_of_unclipped_chains_is_named() -> None:
    assert what_is_left_out(cosine_schedule(1000).respace(range(900))) == (
        "of 1000 steps, the 100 with the most noise are left out because x_0 cannot be read from them unclipped"
    )
    both = what_is_left_out(cosine_schedule(1000).with_noise_floor(FLOOR).respace(range(900)))
    assert f"the {BELOW} with the least noise and the {100 - BELOW} with the most noise" in both


def test_a_whole_chain_gives_no_reason() -> None:
    assert what_is_left_out(cosine_schedule(10)) == ""
    with pytest.raises(SettingsError, match=r"^steps: a number from 1 to 10 wanted, got 11$"):
        refuse_more_steps(cosine_schedule(10), 11, "steps", or_all=False)


def test_fewer_than_one_step_needs_no_reason() -> None:
    with pytest.raises(SettingsError, match=r"^steps: a number from 1 to 900 wanted, got 0$"):
        refuse_more_steps(cosine_schedule(1000).respace(range(900)), 0, "steps", or_all=False)


def test_an_inversion_says_which_steps_it_cannot_take() -> None:
    with pytest.raises(SettingsError, match=r"got 1000; of 1000 steps, the \d+ with the most noise are left out"):
        inversion_process(GaussianDiffusion(cosine_schedule(1000)), 1000)
