"""Samples of any origin beside real data, in whatever form either lies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import torch
from PIL import Image
from torch import Tensor

from idm.core.errors import DataError, SettingsError
from idm.core.ranks import Ranks
from idm.data import SOURCES, Dataset
from idm.metrics import Comparison, Identity, Metric, Reference, find_metric, read_reference
from idm.metrics.features import FeatureExtractor, RandomConvolutions
from idm.run import compared, sample_sets
from idm.tasks import SetsRequest, evaluate_samples, evaluate_samples_into

from ..training.together import run_together

METRICS = (
    "frechet",
    "kid",
    "precision_recall",
    "density_coverage",
    "diversity",
    "modes",
    "two_sample",
    "sliced_wasserstein",
)
BOTH = (*METRICS, "spectrum", "values")


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """All digits [1797, 1, 8, 8] in an order of no meaning, as pixels of 8 bits."""
    source = SOURCES.build("digits", {})
    turn = np.random.default_rng(0).permutation(len(source))
    return (15 * source.read(np.arange(len(source)))[turn]).astype(np.uint8)


@pytest.fixture(autouse=True)
def few_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw few nulls: what they hold is not what is looked at."""

    def found(name: str) -> Metric:
        metric = find_metric(name)
        return replace(metric, drawings=9) if isinstance(metric, Comparison) else metric

    monkeypatch.setattr(sample_sets, "find_metric", found)


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def places(tmp_path: Path, digits: np.ndarray) -> tuple[Path, Path]:
    """Samples in the layout of an evaluation suite, and real data in that of a data set."""
    suite = digits[:40].transpose(0, 2, 3, 1)
    samples = saved(tmp_path / "samples.npz", arr_0=suite, arr_1=np.arange(40))
    return samples, saved(tmp_path / "real.npz", images=digits[40:340])


def values(found: dict[str, list]) -> dict[str, float]:
    return {figure.name: figure.value for figures in found.values() for figure in figures}


def test_pictures_in_a_folder_are_worth_what_the_same_arrays_are(places, digits: np.ndarray, tmp_path: Path) -> None:
    samples, real = places
    for number, picture in enumerate(digits[:40]):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(picture[0]).save(tmp_path / "pictures" / f"{number:03d}.png")
    of_arrays, of_pictures = (evaluate_samples(path, real, metrics=BOTH) for path in (samples, tmp_path / "pictures"))
    assert values(of_arrays.figures) == pytest.approx(values(of_pictures.figures), rel=1e-6)
    assert of_arrays["frechet"].null is not None
    about = of_arrays.to_plain()
    assert (about["num"], about["num_given"], about["shape"]) == (40, 40, [1, 8, 8])
    assert about["features"]["name"] == "pca"


def test_statistics_in_a_file_are_worth_what_their_data_are(places, tmp_path: Path) -> None:
    samples, real = places
    path = tmp_path / "statistics.safetensors"
    written = evaluate_samples_into(SetsRequest(str(real), save_reference=str(path)))
    assert (written.evaluation, written.written) == (None, {"reference": path})
    beside_data, beside_file = (evaluate_samples(samples, where, metrics=METRICS) for where in (real, path))
    found, again = values(beside_data.figures), values(beside_file.figures)
    assert again.pop("frechet_moments") > 0
    assert again == pytest.approx(found, rel=1e-9)
    assert beside_file["kid"].null == beside_data["kid"].null
    with pytest.raises(SettingsError, match="metrics=spectrum: the real data themselves wanted"):
        evaluate_samples(samples, path, metrics=["spectrum"])
    with pytest.raises(SettingsError, match=r"features: those that .* is of wanted, pca 1 \(.*\), got random 1"):
        evaluate_samples(samples, path, features="random")
    assert evaluate_samples(samples, path, metrics=["kid"], features="pca").features.name == "pca"


def test_features_that_are_kept_are_not_made_again(places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, real = places
    seen: list[int] = []
    make = RandomConvolutions.__call__

    def counted(self: FeatureExtractor, x) -> object:
        seen.append(len(x))
        return make(self, x)

    monkeypatch.setattr(RandomConvolutions, "__call__", counted)
    how = {"metrics": ["kid"], "features": "random", "cache": tmp_path / "kept"}
    first = evaluate_samples(samples, real, **how)
    of_first = sum(seen)
    again = evaluate_samples(samples, real, **how)
    assert of_first >= 340
    assert sum(seen) - of_first < 10
    assert values(again.figures) == values(first.figures)


def test_neither_are_they_for_moments_of_all_real_data(places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, real = places
    monkeypatch.setattr(compared, "MOST_ROW_BYTES", 0)  # rows are kept of 64, and moments are those of all
    seen: list[int] = []
    make = RandomConvolutions.__call__

    def counted(self: FeatureExtractor, x: Tensor) -> Tensor:
        seen.append(len(x))
        return make(self, x)

    monkeypatch.setattr(RandomConvolutions, "__call__", counted)
    kept = str(tmp_path / "kept")
    found: list[Reference] = []
    for name in ("first", "again"):
        file = tmp_path / f"{name}.safetensors"
        evaluate_samples_into(SetsRequest(str(real), save_reference=str(file), features="random", cache=kept))
        found.append(read_reference(file))
        seen.append(-1)
    first, again = (seen[: seen.index(-1)], seen[seen.index(-1) + 1 : -1])
    assert sum(first) >= 300
    assert sum(again) < 10
    one, other = (each.moments for each in found)
    assert one is not None
    assert other is not None
    assert one.num == other.num > 64
    torch.testing.assert_close(other.covariance, one.covariance, rtol=0, atol=0)
    torch.testing.assert_close(other.mean, one.mean, rtol=0, atol=0)


def test_what_does_not_fit_is_refused(places, tmp_path: Path, digits: np.ndarray) -> None:
    samples, real = places
    wide = saved(tmp_path / "wide.npz", arr_0=np.zeros((30, 1, 8, 9), np.uint8))
    with pytest.raises(DataError, match=r"samples of shape \(1, 8, 8\) wanted, got \(1, 8, 9\)"):
        evaluate_samples(wide, real)
    fractions = saved(tmp_path / "fractions.npz", arr_0=digits[:40] / 255)
    with pytest.raises(DataError, match="uint8 values from 0 to 255 wanted, got float64"):
        evaluate_samples(fractions, real)
    for metric in ("bound", "memorisation", "classifier", "levels"):
        with pytest.raises(SettingsError, match=f"metrics={metric}: a metric of samples beside real data wanted"):
            evaluate_samples(samples, real, metrics=[metric])
    with pytest.raises(SettingsError, match="more than the 64 features wanted for metrics=frechet"):
        evaluate_samples(samples, real, metrics=["frechet"], features="values")
    with pytest.raises(SettingsError, match=r"set=data\.held_out: a setting of how data are read wanted"):
        evaluate_samples(samples, real, settings=["data.held_out=3"])
    with pytest.raises(SettingsError, match="samples_from: samples to compare wanted"):
        SetsRequest(str(real))
    with pytest.raises(SettingsError, match="features=classifier: the run whose classifier is meant wanted"):
        evaluate_samples(samples, real, features="classifier")


def test_a_setting_is_for_both_where_both_have_it(tmp_path: Path, digits: np.ndarray) -> None:
    both = saved(tmp_path / "both.npz", first=digits[:300], second=digits[300:600])
    with pytest.raises(DataError, match=r"set data\.source\.key"):
        evaluate_samples(both, both)
    found = evaluate_samples(both, both, metrics=["kid"], settings=["data.source.key=first"])
    assert found.about["num"] == 300
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, picture in enumerate(digits[:300]):
        Image.fromarray(picture[0]).save(pictures / f"{number:03d}.png")
    found = evaluate_samples(both, pictures, metrics=["kid"], settings=["data.source.key=first"])
    assert found.about["num_real"] == 150


def test_nothing_of_anybody_else_is_replaced(places, tmp_path: Path) -> None:
    samples, real = places
    (tmp_path / "statistics.safetensors").write_text("mine")
    request = SetsRequest(str(real), str(samples), ["kid"], save_reference=str(tmp_path / "statistics.safetensors"))
    with pytest.raises(SettingsError, match=r"save_reference=.*which this program did not write"):
        evaluate_samples_into(request)
    assert (tmp_path / "statistics.safetensors").read_text() == "mine"


def test_nothing_is_written_between_the_pictures_that_are_read(digits: np.ndarray, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number, picture in enumerate(digits[:40]):
        Image.fromarray(picture[0]).save(pictures / f"{number:03d}.png")
    before = set(pictures.iterdir())
    file = pictures / "kept.safetensors"
    for how, advised in (({"save_reference": str(file)}, "kept.safetensors"), ({"cache": str(pictures)}, "")):
        (name, place), *_ = how.items()
        with pytest.raises(SettingsError) as refused:
            evaluate_samples_into(SetsRequest(str(pictures), str(pictures), ["kid"], **how))
        assert f"{name}={place}: a folder of its own wanted" in str(refused.value)
        assert f"{name}={tmp_path / 'pictures-results' / advised}" in str(refused.value)
        advice = str(refused.value).rpartition("=")[2]
        assert evaluate_samples_into(SetsRequest(str(pictures), str(pictures), ["kid"], **{name: advice})).evaluation
    assert set(pictures.iterdir()) == before


def kept(folder: Path, real: Path, **changes: object) -> Path:
    """Statistics of real data in a file, of which somebody changed a part."""
    path = folder / "kept.safetensors"
    evaluate_samples_into(SetsRequest(str(real), save_reference=str(path)))
    path.write_bytes(replace(read_reference(path), **changes).to_bytes())
    return path


def test_mean_and_covariance_alone_have_a_distance_and_nothing_else(places, tmp_path: Path) -> None:
    samples, real = places
    path = kept(tmp_path, real, rows=None)
    found = evaluate_samples(samples, path, metrics=["frechet"])
    assert list(values(found.figures)) == ["frechet_moments"]
    assert found.about["num_real"] == 150
    with pytest.raises(SettingsError, match="metrics=kid: statistics with features of single samples wanted"):
        evaluate_samples(samples, path)


def test_the_distance_from_moments_is_of_all_samples_though_few_are_looked_at(
    places, digits: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, real = places
    many = saved(tmp_path / "many.npz", arr_0=digits[340:1540])
    statistics = kept(tmp_path, real)
    monkeypatch.setattr(compared, "MOST_REAL_SAMPLES", 80)
    found = evaluate_samples(many, statistics, metrics=["frechet", "kid"])
    assert (found.about["num"], found.about["num_given"]) == (80, 1_200)
    figure = next(figure for figure in found.figures["frechet"] if figure.name == "frechet_moments")
    assert "1,200 samples and the moments of 150 real" in figure.note
    # By SciPy's root of a matrix, from features of all samples.
    reference = read_reference(statistics)
    assert reference.moments is not None
    x = torch.from_numpy(digits[340:1540]).double() / 127.5 - 1.0
    rows = (x.flatten(1) - reference.fitted["mean"]).numpy() @ reference.fitted["directions"].numpy().T
    mean, covariance = reference.moments.mean.numpy(), reference.moments.covariance.numpy()
    cross = np.real(scipy.linalg.sqrtm(np.cov(rows.T) @ covariance))
    apart = ((rows.mean(0) - mean) ** 2).sum()
    assert figure.value == pytest.approx(apart + np.trace(np.cov(rows.T) + covariance - 2 * cross), rel=1e-4)


def test_features_are_made_of_more_samples_than_are_held(
    digits: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, real = (
        saved(tmp_path / f"{name}.npz", images=part)
        for name, part in zip("ab", np.split(digits[:1400], 2), strict=True)
    )
    monkeypatch.setattr(compared, "MOST_BYTES", 4 * 64 * 80)  # of 80 digits
    read: list[int] = []
    batch = Dataset.batch

    def counted(self: Dataset, indices: np.ndarray) -> object:
        read.append(len(indices))
        return batch(self, indices)

    monkeypatch.setattr(Dataset, "batch", counted)
    found = evaluate_samples(samples, real, metrics=["frechet"], features="values")
    assert found["frechet"].note.endswith("350 samples and 350 real")
    assert max(read) <= 512
    assert sum(read) < 1400 + 10  # each once, and a few to see how many features there are
    by_values = evaluate_samples(samples, real, metrics=["values"], features="values")
    assert by_values["values"].note.endswith("350 samples and 350 real")
    monkeypatch.setattr(compared, "MOST_ROW_BYTES", 4 * 64 * 100)  # features of 100 digits
    with pytest.raises(SettingsError, match=r"100 real ones, of no more of which .* kept; compare fewer") as refused:
        evaluate_samples(samples, real, metrics=["frechet"], features="values")
    advice = str(refused.value).rpartition("features=")[2]
    assert evaluate_samples(samples, real, metrics=["frechet"], features=advice)["frechet"].value > 0


OTHERS = {
    "a range": ({"codec": {}}, DataError, "reference statistics wanted, got another file"),
    "components": ({"fitted": {}}, DataError, "reference statistics wanted, got another file"),
    "a shape": ({"shape": (1, 8, 9)}, DataError, "reference statistics wanted, got another file"),
    "a hash": ({"identity": Identity("pca", "1", "0" * 64)}, SettingsError, "those that .* is of wanted, pca 1"),
    "code": ({"identity": Identity("no_such_module:f", "1", "")}, SettingsError, "no file names code that is run"),
    "features": ({"rows": torch.zeros(60, 7), "moments": None}, DataError, "7 numbers of each sample wanted"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_statistics_that_somebody_changed_are_refused_and_name_nothing_that_runs(places, tmp_path, what: str) -> None:
    samples, real = places
    changes, error, said = OTHERS[what]
    with pytest.raises(error, match=said):
        evaluate_samples(samples, kept(tmp_path, real, **changes))


def test_a_number_that_was_damaged_is_noticed(places, tmp_path: Path) -> None:
    samples, real = places
    path = Path(kept(tmp_path, real))
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="its numbers are not those that were written"):
        evaluate_samples(samples, str(path))


def test_the_features_of_a_function_are_named_again(places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, real = places
    (tmp_path / "of_means.py").write_text("def means(x):\n    return x.mean(2).flatten(1)\nmeans.sha256 = 'a'\n")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "means.safetensors"
    evaluate_samples_into(SetsRequest(str(real), save_reference=str(path), features="of_means:means"))
    with pytest.raises(SettingsError, match="name them with features=NAME"):
        evaluate_samples(samples, path)
    found = evaluate_samples(samples, path, features="of_means:means", metrics=["kid"])
    assert found.about["features"]["num"] == 8


def test_processes_share_features_and_find_the_same_figures(places, tmp_path: Path) -> None:
    samples, real = places
    alone = values(evaluate_samples(samples, real, metrics=BOTH).figures)

    def work(ranks: Ranks) -> dict[str, float] | None:
        kept = str(tmp_path / "kept")
        request = SetsRequest(str(real), str(samples), BOTH, cache=kept, save_reference=str(tmp_path / "s.safetensors"))
        found = evaluate_samples_into(request, tmp_path / "out", device="cpu")
        return None if found is None or found.evaluation is None else values(found.evaluation.figures)

    first, other = run_together(2, tmp_path / "ranks", work)
    assert other is None
    assert first is not None
    first.pop("frechet_moments")
    assert first == alone
    assert {path.name for path in tmp_path.glob("**/evaluation.json")} == {"evaluation.json"}
    assert read_reference(tmp_path / "s.safetensors").moments is not None
