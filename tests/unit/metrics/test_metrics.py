"""The classifier and the histogram baseline."""

import math

import numpy as np
import pytest
import torch

from idm.core.errors import DataError
from idm.data import Codec, Digits, stratified_split
from idm.metrics import Classifier, histogram_bpd
from idm.metrics.memorisation import nearest


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    source = Digits()
    train, held_out = stratified_split(source.labels, len(source), 297, seed=0)
    codec = Codec.fit(source)
    x, y = codec.encode(source.read(np.arange(len(source)))), torch.as_tensor(source.labels)
    return x[train], y[train], x[held_out], y[held_out]


def test_the_classifier_reads_99_percent_of_held_out_digits() -> None:
    train_x, train_y, x, y = digits()
    correct = Classifier(train_x, train_y).correct(x, y)
    assert correct.shape == (297,)
    assert round(100 * float(correct.mean())) == 99


def test_the_classifier_is_the_machine_that_the_acceptance_figure_names() -> None:
    from sklearn.svm import SVC

    train_x, train_y, x, y = digits()
    machine = SVC(gamma=0.25, C=10).fit(train_x.flatten(1).double().numpy(), train_y.numpy())
    theirs = machine.predict(x.flatten(1).double().numpy()) == y.numpy()
    np.testing.assert_array_equal(Classifier(train_x, train_y).correct(x, y).numpy() == 1, theirs)


def test_wrong_labels_count_as_wrong() -> None:
    train_x, train_y, x, y = digits()
    classifier = Classifier(train_x[:200], train_y[:200])
    assert float((classifier.correct(x, y) * classifier.correct(x, (y + 1) % 10)).max()) == 0.0


def test_a_classifier_needs_two_classes() -> None:
    with pytest.raises(DataError, match="at least two classes"):
        Classifier(torch.zeros(3, 1, 2, 2), torch.zeros(3, dtype=torch.int64))


def test_histograms_count_levels_by_pixel_and_class_with_a_half_added() -> None:
    train = torch.tensor([[-1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]]).view(3, 1, 2)
    labels = torch.tensor([0, 0, 1])
    held_out = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).view(2, 1, 2)
    bits = histogram_bpd(train, labels, held_out, torch.tensor([0, 1]), levels=2)
    # Class 0: pixel 0 is low twice of two, pixel 1 once of two; class 1: both are high once of one.
    first = -(math.log2(2.5 / 3) + math.log2(1.5 / 3)) / 2
    second = -math.log2(1.5 / 2)
    np.testing.assert_allclose(bits.numpy(), [first, second], rtol=1e-12)


def test_without_labels_all_samples_are_of_one_class() -> None:
    train = torch.tensor([[-1.0], [1.0], [1.0]]).view(3, 1, 1)
    bits = histogram_bpd(train, None, train[:1], None, levels=2)
    np.testing.assert_allclose(bits.numpy(), [-math.log2(1.5 / 4)], rtol=1e-12)


def test_probabilities_of_all_levels_sum_to_one() -> None:
    train = torch.randint(0, 5, (7, 1, 1), generator=torch.Generator().manual_seed(0)) / 2.0 - 1.0
    levels = torch.linspace(-1, 1, 5).view(5, 1, 1)
    bits = histogram_bpd(train, None, levels, None, levels=5)
    assert float((2.0**-bits).sum()) == pytest.approx(1.0, rel=1e-12)


def test_digits_cost_about_2_2_bits_per_dimension() -> None:
    train_x, train_y, x, y = digits()
    assert float(histogram_bpd(train_x, train_y, x, y, levels=17).mean()) == pytest.approx(2.2, abs=0.05)


def test_the_nearest_data_are_named_in_order() -> None:
    data = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 2.0]])
    found = nearest(torch.tensor([[0.0, 1.9], [4.0, 0.0]]), data, 2)
    assert found.rows.tolist() == [[2, 0], [1, 0]]
    expected = torch.tensor([[0.1, 1.9], [0.0, 4.0]], dtype=torch.float64) / 2**0.5  # root mean square of two values
    torch.testing.assert_close(found.distances, expected, atol=1e-6, rtol=0)
    assert nearest(data, data[:1], 5).rows.tolist() == [[0], [0], [0]]
