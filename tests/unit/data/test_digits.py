"""The digits are scikit-learn's."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from idm.core.errors import DataError
from idm.data import Digits


def test_pixels_and_labels_are_those_of_scikit_learn():
    bundle = load_digits()
    digits = Digits()
    np.testing.assert_array_equal(digits.read(np.arange(1797))[:, 0], bundle.images)
    np.testing.assert_array_equal(digits.labels, bundle.target)
    assert digits.class_names == tuple("0123456789")


def test_larger_digits_repeat_the_pixels():
    np.testing.assert_array_equal(Digits(24)[5][0], np.kron(Digits()[5][0], np.ones((3, 3), np.uint8)))


@pytest.mark.parametrize("size", [0, 4, 12, -8])
def test_other_sizes_are_refused(size):
    with pytest.raises(DataError, match="multiple of 8"):
        Digits(size)
