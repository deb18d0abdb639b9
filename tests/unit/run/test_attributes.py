"""Labels that are numbers: read, brought to one scale, told to the network, and missing ones to be missing."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from idm.core.errors import DataError, SettingsError
from idm.core.progress import SILENT
from idm.data import SOURCES
from idm.data.attributes import Attributes, fit_attributes, read_attributes
from idm.networks.embeddings import AttributeEmbedding, label_embedding
from idm.run import DataSpec, load, open_data, open_data_to_score
from idm.run.label_kinds import ClassLabels, NoLabels, ValueLabels
from idm.tasks import train

NAN = math.nan
OF_TWO = Attributes(("age", "dose"), (10.0, 1.0), (2.0, 0.5), ((12.0, NAN), (8.0, 1.5)))
OF_ONE = Attributes(("age",), (10.0,), (2.0,), ((12.0,),))


def same(found, wanted) -> bool:
    given = found.numpy() if isinstance(found, torch.Tensor) else np.array(found, dtype=float)
    return np.array_equal(given, np.array(wanted, dtype=float), equal_nan=True)


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ("age=63.5,dose=2;age=20", [(63.5, 2), (20, NAN)]),
        ("63.5,2; 20,none", [(63.5, 2), (20, NAN)]),
        ([[63.5, 2], [20, None]], [(63.5, 2), (20, NAN)]),
        ([63.5, NAN], [(63.5, NAN)]),
        ({"dose": 3}, [(NAN, 3)]),
        ([{"dose": 3}, (1, 2)], [(NAN, 3), (1, 2)]),
        (np.array([[1.0, 2.0]]), [(1, 2)]),
        (None, None),
    ],
)
def test_labels_are_rows_of_numbers_or_numbers_by_name(given, rows):
    found = ValueLabels(OF_TWO).read(given)
    assert found is rows is None or same(found, rows)


@pytest.mark.parametrize("given", ["63,20", [63, 20], "age=63;age=20", np.array([63, 20]), [[63], [20]]])
def test_labels_of_one_number_are_divided_by_commas(given):
    assert same(ValueLabels(OF_ONE).read(given), [[63], [20]])


@pytest.mark.parametrize("given", [torch.tensor(63.0), np.array(63.0), torch.tensor([63.0]), 63])
def test_a_number_of_an_array_is_a_label(given):
    assert same(ValueLabels(OF_ONE).read(given), [[63]])


@pytest.mark.parametrize("given", [[10**400], [1e300], "1e39"])
def test_numbers_that_float32_cannot_hold_are_refused(given):
    with pytest.raises(SettingsError, match=r"^labels: numbers of age wanted"):
        ValueLabels(OF_ONE).read(given)


@pytest.mark.parametrize("given", ["63", "age=x,dose=1", "size=3", [[1, 2, 3]], "inf,1", [], [["a", 1]], 5])
def test_what_is_no_label_is_refused_in_a_line(given):
    with pytest.raises(SettingsError, match=r"^labels: ") as caught:
        ValueLabels(OF_TWO).read(given)
    assert len(caught.value.lines) == 1


def test_the_network_is_told_standardised_numbers_that_come_back():
    kind = ValueLabels(OF_TWO)
    y = kind.tensor([(12.0, NAN), (8.0, 1.5)])
    assert y.dtype == torch.float32
    assert same(y, [(1, NAN), (-1, 1)])
    assert same(kind.labels_of(y), [(12, NAN), (8, 1.5)])
    assert same(kind.nothing(3), np.full((3, 2), NAN))
    assert kind.sizes(has_null=True) == {"num_attributes": 2}


def test_classes_and_nothing_are_kinds_of_labels_too():
    kind = ClassLabels(("a", "b"))
    assert kind.every() == kind.read("a,b") == kind.labels_of(kind.tensor([0, 1])) == [0, 1]
    assert (kind.null, kind.nothing(2).tolist()) == (2, [2, 2])
    assert kind.sizes(has_null=True) == {"num_classes": 3}
    assert kind.sizes(has_null=False) == {"num_classes": 2}
    assert kind.arrays([0, 2])["class_names"].tolist() == ["a", "b", "no class"]
    nothing = NoLabels()
    assert (nothing.is_told, nothing.every(), nothing.sizes(has_null=True)) == (False, [], {})
    with pytest.raises(SettingsError, match="none wanted"):
        nothing.read("a")


def test_a_missing_number_has_an_embedding_of_its_own_and_no_other_influence():
    embedding = AttributeEmbedding(2, 8)
    first, activation, last = embedding
    found = embedding(torch.tensor([[3.0, NAN], [NAN, NAN]]))
    weight, bias = first.weight, first.bias
    hidden = torch.stack([3 * weight[:, 0] + weight[:, 3] + bias, weight[:, 2] + weight[:, 3] + bias])
    torch.testing.assert_close(found, last(activation(hidden)))


def test_classes_are_embedded_as_ever_and_not_beside_numbers():
    torch.manual_seed(0)
    wanted = nn.Embedding(3, 8).weight
    torch.manual_seed(0)
    assert torch.equal(label_embedding(3, 0, 8).weight, wanted)
    assert label_embedding(None, 0, 8) is None
    with pytest.raises(SettingsError, match="got both"):
        label_embedding(3, 2, 8)


def test_the_scale_is_that_of_the_training_samples_that_have_a_number():
    values = np.array([[1.0], [NAN], [5.0], [100.0]])
    found = fit_attributes(("age",), values, np.array([0, 1, 2]))
    assert (found.mean, found.std) == ((3.0,), (2.0,))
    assert same(found.standardize(values), [[-1], [NAN], [1], [48.5]])
    assert same(found.examples, [[1], [NAN], [5]])
    for column in ([2.0, 2.0, 2.0], [NAN, NAN, NAN]):
        with pytest.raises(DataError, match=r"attributes: numbers that differ .* wanted in 'age', got"):
            fit_attributes(("age",), np.array(column)[:, None], np.arange(3))


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1.0, 1e29])
def test_numbers_of_any_size_have_a_deviation(size):
    """1, 3 and 8 have the mean 4 and the variance (9 + 1 + 16) / 3."""
    found = fit_attributes(("age",), np.array([[1.0], [3.0], [8.0]]) * size, np.arange(3))
    np.testing.assert_allclose([found.mean[0] / size, found.std[0] / size], [4, math.sqrt(26 / 3)], rtol=1e-12)
    np.testing.assert_allclose(found.standardize(np.array([[8.0 * size]])), 4 / math.sqrt(26 / 3), rtol=1e-6)


def test_numbers_too_small_to_divide_by_are_refused():
    with pytest.raises(DataError, match="numbers that differ between training samples wanted in 'age'"):
        fit_attributes(("age",), np.array([[0.0], [5e-324]]), np.arange(2))


def test_columns_and_arrays_are_read_and_words_for_missing_ones_too(tmp_path):
    (tmp_path / "a.csv").write_text("u,v,age,dose\n1,2,60,NA\n3,4,,2.5\n5,6,70,1\n")
    source = SOURCES.build("numeric_csv", {"path": str(tmp_path / "a.csv")}, apart=("age", "dose"))
    assert source.shape == (2,)
    names, values = read_attributes(source, ("age", "dose"))
    assert names == ("age", "dose")
    assert same(values, [(60, NAN), (NAN, 2.5), (70, 1)])
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 1, 4)), pose=np.arange(6).reshape(3, 2), who=["a", "b", "c"])
    source = SOURCES.build("arrays", {"path": str(tmp_path / "a.npz")}, apart=("pose",))
    assert read_attributes(source, ("pose",))[0] == ("pose[0]", "pose[1]")
    for name in ("who", "age"):
        with pytest.raises(DataError, match="attributes: "):
            read_attributes(source, (name,))


@pytest.fixture
def trained(experiment, tmp_path):
    """A run on points of which an age is known but for some."""
    age = np.linspace(20, 80, 60)
    np.savez(tmp_path / "a.npz", x=np.stack([age, -age], 1), age=np.where(np.arange(60) % 7, age, NAN))
    source = {"name": "arrays", "path": str(tmp_path / "a.npz")}
    settings = experiment(
        data={"source": source, "attributes": ["age"]},
        network={"name": "mlp", "width": 16},
        training__label_dropout=0.2,
        diffusion__prediction="v",
    )
    train(settings, tmp_path / "run", device="cpu", listener=SILENT)
    return settings, load(tmp_path / "run", device="cpu"), tmp_path


def test_a_run_keeps_its_numbers_and_samples_guides_and_scores_by_them(trained):
    settings, run, folder = trained
    assert DataSpec.from_plain(run.spec.to_plain()) == run.spec
    assert run.spec.attributes.names == ("age",)
    assert run.spec.class_names is None
    x = run.sample(4, labels="30;none")
    assert x.shape == (4, 2)
    assert not np.array_equal(x, run.sample(4, labels=[70]))
    np.testing.assert_array_equal(run.sample(4, labels=[30], guidance=0.0), run.sample(4, labels=["none"]))
    assert run.sample(3).shape == (3, 2)
    told, other = (run.score(x, labels=[label]) for label in (30, 70))
    assert not np.array_equal(told.bits_per_dim, other.bits_per_dim)
    data = open_data_to_score(run, folder / "a.npz")
    torch.testing.assert_close(data.held_out.batch(np.arange(5))[1].nan_to_num().abs().max() < 3, torch.tensor(True))
    np.savez(folder / "b.npz", x=np.ones((5, 2)))
    with pytest.raises(DataError, match=r"data\.attributes: "):
        open_data_to_score(run, folder / "b.npz")
    before = open_data(settings.data).spec.attributes
    np.savez(folder / "a.npz", x=np.load(folder / "a.npz")["x"], age=np.linspace(20, 81, 60))
    assert open_data(settings.data).spec.attributes != before


def test_what_is_restored_and_edited_is_told_numbers_and_latents_are_not(trained):
    _, run, _ = trained
    operator, seen = run.operator("channels:0"), np.array([[40.0, NAN]])
    young, old, none = (run.restore(seen, operator, noise=1.0, num=2, labels=[age]).draws for age in (20, 70, "none"))
    assert young.shape == (1, 2, 2)
    assert not np.array_equal(young, old)
    np.testing.assert_array_equal(run.restore(seen, operator, noise=1.0, num=2).draws, none)
    first, second = (run.edit(np.array([[40.0, -40.0]]), label_b=[age]).draws for age in (20, 70))
    assert first.shape == (1, 1, 2)
    assert not np.array_equal(first, second)
    with pytest.raises(SettingsError, match=r"^labels: numbers of age wanted"):
        run.restore(seen, operator, labels="roses")
    with pytest.raises(SettingsError, match="got one that is told age"):
        run.encode(np.array([[40.0, -40.0]]))
