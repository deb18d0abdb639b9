"""Names that samples and labels had in the files of the data, in the files that are written."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet
import pytest
import zarr

from idm.data.writers import WRITERS, Form, ToWrite

VALUES = np.arange(24, dtype=np.float32).reshape(3, 2, 4)


def written(kind: str, folder: Path, data: str | None, labels: str | None, values: np.ndarray = VALUES) -> list[str]:
    """Write three samples, and return the names in the file, that of the samples first."""
    names = ("u", "v") if values.ndim == 2 else None
    form = Form(values.shape[1:], values.dtype, channel_names=names, data_name=data, label_name=labels)
    beside = {"labels": np.array([0, 1, 0]), "class_names": np.array(["a", "b"]), "seeds": np.arange(3)}
    samples = ToWrite(values, form, ("a", "b", "a"), (0, 1, 2), beside)
    for name, content in WRITERS.build(kind, {}).files(samples):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return READ[kind](folder, values)


def in_hdf5(folder: Path, values: np.ndarray) -> list[str]:
    with h5py.File(folder / "samples.h5") as file:
        return sorted(file, key=lambda name: file[name].shape != values.shape)


def in_zarr(folder: Path, values: np.ndarray) -> list[str]:
    group: Any = zarr.open_group(str(folder / "samples.zarr"), mode="r")
    return sorted(group.array_keys(), key=lambda name: group[name].shape != values.shape)


def in_parquet(folder: Path, values: np.ndarray) -> list[str]:
    return pyarrow.parquet.read_table(io.BytesIO((folder / "samples.parquet").read_bytes())).column_names


def in_csv(folder: Path, values: np.ndarray) -> list[str]:
    return (folder / "samples.csv").read_text().splitlines()[0].split(",")


READ: Mapping[str, Any] = {"hdf5": in_hdf5, "zarr": in_zarr, "parquet": in_parquet, "csv": in_csv}


@pytest.mark.parametrize("kind", ["hdf5", "zarr", "parquet"])
def test_samples_and_labels_have_the_names_that_they_had(kind: str, tmp_path: Path) -> None:
    first, *others = written(kind, tmp_path, "waves", "kind")
    assert first == "waves"
    assert "kind" in others
    assert {"labels", "label"}.isdisjoint(others)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_labels_of_points_have_the_name_of_their_column(kind: str, tmp_path: Path) -> None:
    assert written(kind, tmp_path, None, "severity (1-3)", VALUES[:, :, 0]) == ["u", "v", "severity (1-3)", "seed"]


@pytest.mark.parametrize("kind", ["hdf5", "zarr"])
@pytest.mark.parametrize("name", ["../../evil", "/etc/x", "a/b", ".zgroup", "..", "a\nb", "seeds", None])
def test_names_that_lead_elsewhere_or_are_taken_are_not_used(kind: str, name: str | None, tmp_path: Path) -> None:
    names = written(kind, tmp_path / "out", name, None)
    assert names[0] == "data"
    assert set(names[1:]) == {"labels", "class_names", "seeds"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
