"""The names by which the field knows predictions, variances and losses; each value is the strategy object.

Algorithms use the objects and never ask which name one has.
"""

from enum import Enum, unique
from typing import TypeVar, cast

from idm.diffusion.objectives import Objective
from idm.diffusion.predictions import Epsilon, Preconditioned, PreviousX, StartX, V, Velocity
from idm.diffusion.variances import FixedLarge, FixedSmall, Learned, LearnedRange

Strategy = TypeVar("Strategy")


@unique
class ModelMeanType(Enum):
    """What the network's first head means. That of EDM depends on the deviation of the data, here the paper's 0.5."""

    PREVIOUS_X = PreviousX()
    START_X = StartX()
    EPSILON = Epsilon()
    V = V()
    VELOCITY = Velocity()
    EDM = Preconditioned()


@unique
class ModelVarType(Enum):
    """What the variance of a reverse step is. SMALL and LARGE are sizes: betatilde_t <= beta_t at every step."""

    LEARNED = Learned()
    FIXED_SMALL = FixedSmall()
    FIXED_LARGE = FixedLarge()
    LEARNED_RANGE = LearnedRange()


@unique
class LossType(Enum):
    """How squared error and bound add up.

    RESCALED_MSE weighs the bound term by T / 1000, that is by 0.001 on the whole bound; RESCALED_KL weighs it
    by T, which estimates the whole bound.
    """

    MSE = Objective(regression=True, vb_factor=1.0, vb_times_num_timesteps=False)
    RESCALED_MSE = Objective(regression=True, vb_factor=0.001, vb_times_num_timesteps=True)
    KL = Objective(regression=False, vb_factor=1.0, vb_times_num_timesteps=False)
    RESCALED_KL = Objective(regression=False, vb_factor=1.0, vb_times_num_timesteps=True)


def name_of(names: type[Enum], value: object) -> str:
    """Return the name of a strategy object, in small letters; what is none of the named ones tells its own."""
    return next((member.name.lower() for member in names if member.value == value), repr(value))


def strategy(choice: Enum | Strategy) -> Strategy:
    """Return the strategy of an enum member, or the strategy object itself."""
    return cast(Strategy, choice.value) if isinstance(choice, Enum) else choice
