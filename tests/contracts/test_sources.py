"""What every source of data keeps to. A new source adds one line to ``MAKE``."""

import json

import numpy as np
import pytest
from PIL import Image

from idm.data import SOURCES, Codec, base


def image_folder(tmp_path):
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
        for number in range(3):
            pixels = np.random.default_rng(number).integers(0, 256, (6, 5, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"{number}.png")
    return {"path": str(tmp_path)}


def arrays(tmp_path):
    data = np.random.default_rng(0).normal(size=(11, 2, 20)).astype(np.float32)
    np.savez(tmp_path / "signals.npz", x=data, y=np.arange(11) % 3)
    return {"path": str(tmp_path / "signals.npz")}


MAKE = {"digits": lambda tmp_path: {}, "image_folder": image_folder, "arrays": arrays}
"""Options of a small instance of each source, with labels."""


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    return SOURCES.build(request.param, MAKE[request.param](tmp_path))


def test_samples_have_the_shape_and_dtype_that_are_promised(source):
    assert len(source) > 0
    assert 1 <= len(source.shape) <= 4
    samples = source.read(np.array([0, len(source) - 1]))
    assert samples.shape == (2, *source.shape)
    assert samples.dtype == source.dtype
    assert source[0].shape == source.shape
    assert np.isfinite(samples).all()


def test_reading_is_repeatable_and_in_the_order_asked_for(source):
    indices = np.array([2, 0, 2, 1])
    np.testing.assert_array_equal(source.read(indices), np.stack([source[i] for i in indices.tolist()]))


def test_what_was_read_can_be_changed_without_changing_the_source(source):
    before = source.read(np.array([1])).copy()
    source.read(np.array([1]))[:] = 0
    np.testing.assert_array_equal(source.read(np.array([1])), before)


def test_reading_nothing_gives_nothing(source):
    assert source.read(np.array([], dtype=np.int64)).shape == (0, *source.shape)


def test_iteration_ends_after_the_last_sample(source):
    assert sum(1 for _ in source) == len(source)
    with pytest.raises(IndexError):
        source[len(source)]


def test_blocks_make_up_the_source(source, monkeypatch):
    monkeypatch.setattr(base, "BLOCK_BYTES", 3 * source.sample_bytes)
    np.testing.assert_array_equal(np.concatenate(list(source.blocks())), source.read(np.arange(len(source))))


def test_labels_number_the_named_classes(source):
    assert source.labels.dtype == np.int64
    assert source.labels.shape == (len(source),)
    assert set(source.labels) == set(range(len(source.class_names)))


def test_the_description_is_json(source):
    described = source.describe()
    assert json.loads(json.dumps(described)) == described
    assert described["samples"] == len(source)


def test_values_come_back_from_the_model_range(source):
    codec = Codec.fit(source)
    samples = source.read(np.arange(min(len(source), 50)))
    decoded = codec.decode(codec.encode(samples))
    assert decoded.dtype == samples.dtype
    np.testing.assert_allclose(decoded, samples, rtol=1e-6, atol=0 if codec.levels else 1e-6)
