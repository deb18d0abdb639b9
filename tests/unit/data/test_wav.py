"""WAV files: every kind of sample comes back bit for bit in windows, and what does not fit is refused in a line."""

import struct
import wave

import numpy as np
import pytest
from scipy.io import wavfile

from idm.core.errors import DataError, UnreadableFileError
from idm.core.progress import SILENT
from idm.data import SOURCES, infer_source
from idm.data.check import check_path
from idm.run import open_data_to_score
from idm.run.spec import DataSpec
from idm.settings import Experiment, from_plain
from idm.tasks import train

from ...forging import POINTS

RNG = np.random.default_rng(0)


def integers(bits, channels, frames=40):
    low, high = (0, 256) if bits == 8 else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    values = RNG.integers(low, high, (frames, channels))
    values[:2] = [[low] * channels, [high - 1] * channels]
    return values.astype({8: "u1", 16: "i2", 24: "i4", 32: "i4"}[bits])


def by_scipy(path, values):
    wavfile.write(path, 44_100, values[:, 0] if values.shape[1] == 1 else values)


def by_wave(path, values, width=3):
    with wave.open(str(path), "wb") as file:
        file.setparams((values.shape[1], width, 44_100, 0, "NONE", ""))
        file.writeframes(values.astype("<i4").reshape(-1, 1).view("u1")[:, :width].tobytes())


def by_hand(path, values, tag, name=b"RIFF", size=None, before=b""):
    """A file as the specification has it, with the size of its samples said otherwise, or parts before its format."""
    order = ">" if name == b"RIFX" else "<"
    bits, channels = 8 * values.itemsize, values.shape[1]
    frame = channels * values.itemsize
    form = struct.pack(f"{order}HHIIHH", tag, channels, 44_100, 44_100 * frame, frame, bits)
    if tag == 0xFFFE:
        form += struct.pack("<HHIH", 22, bits, 3, 1) + bytes.fromhex("000000001000800000aa00389b71")
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    size = len(data) if size is None else size
    parts = b"WAVE" + before + b"fmt " + struct.pack(f"{order}I", len(form)) + form
    parts += b"data" + struct.pack(f"{order}I", size) + data
    path.write_bytes(name + struct.pack(f"{order}I", len(parts)) + parts)


DS64 = b"ds64" + struct.pack("<IQQQI", 28, 0, 160, 40, 0)
WRITTEN = {
    "8 bits": (by_scipy, integers(8, 1)),
    "8 bits, two channels": (by_scipy, integers(8, 2)),
    "16 bits": (by_scipy, integers(16, 1)),
    "16 bits, two channels": (by_scipy, integers(16, 2)),
    "16 bits, nine channels": (by_scipy, integers(16, 9)),
    "24 bits": (by_wave, integers(24, 1)),
    "24 bits, two channels": (by_wave, integers(24, 2)),
    "32 bits": (by_scipy, integers(32, 1)),
    "32 bits, two channels": (by_scipy, integers(32, 2)),
    "floats": (by_scipy, RNG.normal(size=(40, 1)).astype("f4")),
    "floats, two channels": (by_scipy, RNG.normal(size=(40, 2)).astype("f4")),
    "double floats": (by_scipy, RNG.normal(size=(40, 2))),
    "extremes": (by_scipy, np.array([[5e-324, -0.0], [1.7976931348623157e308, 1 / 3]])),
    "one frame": (by_scipy, integers(16, 2, 2)[:1]),
    "big-endian": (lambda path, x: by_hand(path, x, 1, b"RIFX"), integers(16, 2)),
    "big-endian floats": (lambda path, x: by_hand(path, x, 3, b"RIFX"), RNG.normal(size=(40, 2))),
    "extensible": (lambda path, x: by_hand(path, x, 0xFFFE), integers(16, 2)),
    "of unknown length": (lambda path, x: by_hand(path, x, 1, size=0xFFFFFFFF), integers(16, 2)),
    "long": (lambda path, x: by_hand(path, x, 1, b"RF64", 0xFFFFFFFF, DS64), integers(16, 2)),
    "notes of odd length": (lambda path, x: by_hand(path, x, 1, before=b"LIST\3\0\0\0abc\0"), integers(16, 2)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_frames_come_back_bit_for_bit_with_channels_as_channels(tmp_path, name):
    write, values = WRITTEN[name]
    write(tmp_path / "a.wav", values)
    source = SOURCES.build("wav", {"path": str(tmp_path / "a.wav"), "values": "stored"})
    assert (source.shape, source.dtype, source.sampling_rate) == (values.shape[::-1], values.dtype, 44_100)
    assert source[0].tobytes() == values.T.tobytes()


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_become_floats_exactly(tmp_path, bits):
    values = integers(bits, 2)
    (by_wave if bits == 24 else by_scipy)(tmp_path / "a.wav", values)
    source = SOURCES.build("wav", {"path": str(tmp_path / "a.wav"), "values": "floats"})
    expected = (values.astype(object) - (128 if bits == 8 else 0)) / 2 ** (bits - 1)
    assert source.dtype == (np.float64 if bits == 32 else np.float32)
    np.testing.assert_array_equal(source[0].astype(np.float64), expected.T.astype(np.float64))
    assert SOURCES.build("wav", {"path": str(tmp_path / "a.wav")}).dtype.kind == (
        "f" if bits > 16 else values.dtype.kind
    )


def save(folder, *names, length=10, rate=8_000):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(folder / f"{name}.wav", rate, np.arange(length + number).astype(np.int16) + 100 * number)
    return folder


@pytest.mark.parametrize(
    ("window", "hop", "firsts", "rest"),
    [
        (10, 10, [0, 100], 1),
        (4, 4, [0, 4, 100, 104], 5),
        (4, 3, [0, 3, 6, 100, 103, 106], 1),
        (3, 5, [0, 5, 100, 105], 9),
    ],
)
def test_windows_begin_every_hop_and_what_is_left_is_told(tmp_path, window, hop, firsts, rest):
    folder = save(tmp_path, "a/x", "b/y")
    source = SOURCES.build("wav", {"path": str(folder), "window": window, "hop": hop})
    expected = np.array(firsts)[:, None] + np.arange(window)
    every = np.arange(len(source))
    for order in (every, every[::-1], every[[0, 1, 1, 0]]):
        np.testing.assert_array_equal(source.read(order)[:, 0], expected[order])
    assert source.remarks[0].startswith(f"{rest} frames are in no window")
    assert len(source.remarks) == 1 + (hop < window)
    assert source.labels.tolist() == [first // 100 for first in firsts]
    assert source.names[:2] == (("a/x.wav#0", "a/x.wav#1") if len(firsts) > 2 else ("a/x.wav#0", "b/y.wav#0"))


@pytest.mark.parametrize(("lengths", "window"), [((700, 700), 700), ((700, 600), 512), ((5_000,), 4_096), ((9, 1), 1)])
def test_a_window_is_found_that_all_files_have(tmp_path, lengths, window):
    for number, length in enumerate(lengths):
        wavfile.write(tmp_path / f"{number}.wav", 8_000, np.arange(length).astype(np.int16))
    assert SOURCES.build(*infer_source(tmp_path)).shape == (1, window)


SOUND = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read as a WAV file"),
        (b"ID3" + SOUND, "its first bytes are not those of the format"),
        (SOUND, "cannot be read as a WAV file"),
        (SOUND + b"data\x09\0\0\0abcdefgh", "9 bytes of samples declared, 8 stored"),
        (SOUND + b"data\0\0\0\0", "at least 1 frames wanted, got 0"),
        (SOUND[:12] + b"data\x04\0\0\0abcd", "samples without a format before them"),
        (SOUND[:20] + b"\x11" + SOUND[21:], "got format 17 of 16 bits; convert it"),
        (SOUND[:22] + b"\3" + SOUND[23:] + b"data\4\0\0\0abcd", "cannot be read as a WAV file"),
        (SOUND + b"note\0\0\0\0" * 2_000 + b"data\4\0\0\0abcd", "cannot be read as a WAV file"),
    ],
    ids=["empty", "another format", "no samples", "cut off", "no frames", "no form", "ADPCM", "odd frames", "notes"],
)
def test_damaged_files_are_refused_in_a_line(tmp_path, content, said):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        SOURCES.build(*infer_source(tmp_path / "a.wav"))
    assert len(error.value.lines) == 1


def test_files_of_another_form_and_short_ones_are_refused_by_name(tmp_path):
    folder = save(tmp_path / "a", "x", "y")
    with pytest.raises(DataError, match=r"x\.wav: at least 11 frames wanted, got 10; remove it, or lower"):
        SOURCES.build("wav", {"path": str(folder), "window": 11})
    save(folder, "y", rate=16_000)
    with pytest.raises(DataError, match=r"y\.wav: 1 channel.* at 8,000 Hz wanted as in x\.wav, got .* 16,000 Hz"):
        SOURCES.build("wav", {"path": str(folder)})
    with pytest.raises(DataError, match="nothing there"):
        SOURCES.build("wav", {"path": str(tmp_path / "gone")})
    source = SOURCES.build("wav", {"path": str(save(tmp_path / "b", "x"))})
    (tmp_path / "b" / "x.wav").write_bytes(SOUND)
    with pytest.raises(UnreadableFileError, match=r"x\.wav: cannot be read"):
        source.read(np.arange(1))


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    check = check_path(save(tmp_path / "a", "x/0", "y/1"))
    assert (check.source, check.classes) == ("wav", {"x": 1, "y": 1})
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert SOURCES.build(*infer_source(tmp_path / "index.jsonl")).class_names == ("x", "y")


def test_a_run_keeps_the_sampling_rate_and_its_window(tmp_path):
    data = {"source": {"name": "wav", "path": str(save(tmp_path / "own", "a", "b", length=64)), "window": 8}}
    small = {"model_channels": 4, "num_res_blocks": 1, "channel_mult": [1], "attention_resolutions": [], "num_heads": 1}
    plain = POINTS | {"data": data | {"held_out": 2}, "network": {"name": "unet", **small}}
    run = train(from_plain(Experiment, plain), tmp_path / "run", device="cpu", listener=SILENT)
    assert (run.spec.sampling_rate, run.spec.shape) == (8_000, (1, 8))
    plain = run.spec.to_plain()
    assert DataSpec.from_plain(plain) == run.spec
    for wrong in (0, -1, float("nan"), float("inf"), 10**400, True, "8000", []):
        with pytest.raises(ValueError, match="sampling rate"):
            DataSpec.from_plain(plain | {"sampling_rate": wrong})
    assert open_data_to_score(run, save(tmp_path / "other", "c", length=16)).held_out.source.shape == (1, 8)
    with pytest.raises(DataError, match="a sampling rate of 8,000 Hz wanted, got 16,000 Hz; resample the data"):
        open_data_to_score(run, save(tmp_path / "faster", "c", length=16, rate=16_000))
