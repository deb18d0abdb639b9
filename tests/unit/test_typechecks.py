"""The checks of types that the test run makes: what they refuse, and that they can be switched off."""

import jaxtyping
import pytest
from beartype import beartype
from beartype.roar import BeartypeCallHintParamViolation
from jaxtyping import Float
from torch import Tensor, zeros


def plus(x: Float[Tensor, "a b"], y: Float[Tensor, "b c"]) -> Float[Tensor, "a c"]:
    return x @ y


def twice(number: int) -> int:
    return 2 * number


@pytest.fixture(autouse=True)
def switched_on():
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", False)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def test_sizes_of_axes_are_compared_between_arguments():
    checked = jaxtyping.jaxtyped(typechecker=beartype)(plus)
    assert checked(zeros(2, 3), zeros(3, 4)).shape == (2, 4)
    with pytest.raises(jaxtyping.TypeCheckError):
        checked(zeros(2, 3), zeros(4, 3))


def test_other_types_are_checked_and_not_where_checks_are_off():
    checked = jaxtyping.jaxtyped(typechecker=beartype)(twice)
    assert checked(2) == 4
    with pytest.raises(BeartypeCallHintParamViolation):
        checked("a")
    jaxtyping.config.update("jaxtyping_disable", True)
    assert checked("a") == "aa"


def test_it_is_in_place():
    assert jaxtyping.jaxtyped.__wrapped__.__module__.startswith("jaxtyping")
