"""FLAC and further sound files: what libsndfile packed without loss comes back bit for bit, in windows."""

import numpy as np
import pytest
import soundfile

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.check import check_path

RNG = np.random.default_rng(0)
FRAMES = 1_000


def build(path, **options):
    return SOURCES.build("sound", {"path": str(path), **options})


def integers(bits, channels=1):
    limit = 2 ** (bits - 1)
    values = RNG.integers(-limit, limit, (FRAMES, channels))
    values[0], values[1] = -limit, limit - 1
    return values


KINDS = (("PCM_S8", 8), ("PCM_16", 16), ("PCM_24", 24))
WHOLE = [
    # (suffix, libsndfile's kind, bits, channels)
    *(("flac", kind, bits, channels) for kind, bits in KINDS for channels in (1, 2, 6)),
    *(("aiff", kind, bits, 2) for kind, bits in (*KINDS, ("PCM_U8", 8), ("PCM_32", 32))),
    *(("au", kind, bits, 1) for kind, bits in KINDS[1:]),
    ("caf", "ALAC_16", 16, 2),
    ("caf", "PCM_32", 32, 1),
    ("w64", "PCM_16", 16, 2),
]


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_integers_come_back_bit_for_bit_and_as_floats_exactly(tmp_path, number):
    suffix, kind, bits, channels = WHOLE[number]
    values, path = integers(bits, channels), tmp_path / f"a.{suffix}"
    wide = (values << (32 - bits)).astype(np.int32)
    soundfile.write(path, wide, 44_100, kind)
    stored = build(path, values="stored")
    assert (stored.shape, stored.sampling_rate) == ((channels, FRAMES), 44_100)
    np.testing.assert_array_equal(stored[0].T, values)
    floats = build(path, values="floats")
    np.testing.assert_array_equal(floats[0].T, values / 2 ** (bits - 1))
    assert SOURCES.build(*infer_source(path)).dtype.kind == ("i" if bits <= 16 else "f")


@pytest.mark.parametrize(("kind", "dtype"), [("FLOAT", "f4"), ("DOUBLE", "f8")])
def test_floats_come_back_bit_for_bit(tmp_path, kind, dtype):
    values = RNG.normal(size=(FRAMES, 2)).astype(dtype)
    soundfile.write(tmp_path / "a.aiff", values, 8_000, kind)
    source = build(tmp_path / "a.aiff")
    assert source[0].T.tobytes() == values.tobytes()


def test_what_is_packed_with_loss_and_odd_wav_files_are_decoded_to_floats(tmp_path):
    tone = 0.5 * np.sin(np.arange(8_000) / 20)
    for name, kind, largest in (("a.ogg", "VORBIS", 0.05), ("b.wav", "ULAW", 0.05), ("c.wav", "IMA_ADPCM", 0.05)):
        soundfile.write(tmp_path / name, tone, 8_000, kind)
        source = build(tmp_path / name, window=4_000)
        assert (source.dtype, len(source)) == (np.dtype("f4"), 2)
        assert np.abs(source[1][0] - tone[4_000:]).max() < largest


def test_windows_begin_every_hop_in_any_order_with_the_classes_of_files(tmp_path):
    values = integers(16)
    for number, kind in enumerate("ab"):
        (tmp_path / kind).mkdir()
        soundfile.write(tmp_path / kind / "x.flac", np.roll(values, number).astype(np.int16), 8_000)
    source = build(tmp_path, window=30, hop=20)
    assert (len(source), source.class_names) == (98, ("a", "b"))
    np.testing.assert_array_equal(
        source.read(np.array([50, 3]))[:, 0], [np.roll(values, 1)[20:50, 0], values[60:90, 0]]
    )
    assert source.names[50] == "b/x.flac#1"


def test_damaged_files_and_those_of_another_form_are_refused_by_name(tmp_path):
    soundfile.write(tmp_path / "a.flac", integers(16).astype(np.int16), 8_000)
    soundfile.write(tmp_path / "b.flac", integers(16).astype(np.int16), 16_000)
    with pytest.raises(DataError, match=r"b\.flac: 1 channel of PCM_16 at 8,000 Hz wanted as in a\.flac, got .* 16"):
        build(tmp_path)
    whole = (tmp_path / "a.flac").read_bytes()
    for content in (b"", b"RIFF", whole[:40], b"\0" * 400):
        (tmp_path / "b.flac").write_bytes(content)
        with pytest.raises(DataError, match=r"b\.flac: (cannot be read as a sound file|at least)") as caught:
            build(tmp_path / "b.flac")
        assert len(caught.value.lines) == 1
    source = build(tmp_path / "a.flac", window=100)
    (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableFileError, match=r"a\.flac: cannot be read"):
        source.read(np.arange(len(source)))


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    soundfile.write(tmp_path / "a.flac", integers(16).astype(np.int16), 8_000)
    check = check_path(tmp_path / "a.flac")
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert (check.source, len(SOURCES.build(*infer_source(tmp_path / "index.jsonl")))) == ("sound", 1)


def test_files_of_other_formats_are_refused_before_the_library_speaks(tmp_path, capfd):
    for content in (b"", b"fLa", bytes(2_000), b"\xffx" * 2_000):
        (tmp_path / "a.flac").write_bytes(content)
        with pytest.raises(UnreadableFileError, match=r"a\.flac: cannot be read as a sound file"):
            build(tmp_path / "a.flac")
    assert capfd.readouterr().err == ""


def test_windows_of_mp3_files_would_be_decoded_wrongly(tmp_path):
    soundfile.write(tmp_path / "a.mp3", 0.2 * np.sin(np.arange(44_100) / 30), 44_100)
    with pytest.raises(DataError, match=r"a\.mp3: .* wanted, got MP3, .*; convert it to FLAC"):
        build(tmp_path / "a.mp3")
