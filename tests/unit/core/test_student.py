"""Student's t distribution beside SciPy's."""

import pytest
from scipy import stats

from idm.core.student import quantile, two_sided, within


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 10, 39, 296, 5001])
def test_shares_and_quantiles_are_those_of_scipy(degrees: int) -> None:
    for t in (0.0, 0.3, 1.0, 2.5, 8.0):
        assert two_sided(t, degrees) == pytest.approx(2.0 * stats.t.sf(t, degrees), abs=1e-13)
        assert within(-t, degrees) == within(t, degrees)
    for share in (0.5, 0.95, 0.99):
        assert quantile(share, degrees) == pytest.approx(stats.t.ppf(0.5 + 0.5 * share, degrees), rel=1e-10)


def test_with_one_degree_of_freedom_it_is_the_cauchy_distribution() -> None:
    assert two_sided(1.0, 1) == pytest.approx(0.5, abs=1e-15)
