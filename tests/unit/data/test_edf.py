"""EDF and BDF files: numbers come back bit for bit or in their units, in windows whose classes annotations say."""

import edfio
import numpy as np
import pytest

from idm.core.errors import DataError, UnreadableFileError
from idm.data import SOURCES, infer_source
from idm.data.arrays.edf_files import Annotation
from idm.data.check import check_path
from idm.data.sources.edf import longest

from ...edfs import edf_of, note, numbers


def build(path, **options):
    return SOURCES.build("edf", {"path": str(path), **options})


def by_edfio(path, values, rate, units, scale, limits, notes, kind):
    signal, file = getattr(edfio, f"{kind}Signal"), getattr(edfio, kind)
    signals = [
        signal(row, rate, label=f"C{number}", physical_dimension=units, physical_range=scale, digital_range=limits)
        for number, row in enumerate(values)
    ]
    file(signals, annotations=[edfio.EdfAnnotation(*entry) for entry in notes]).write(path)
    return path


WRITTEN = [
    # (kind, signals, rate, units, physical range, digital range, annotations)
    *(("Edf", count, 128, "uV", (-500.0, 500.0), (-2048, 2047), ()) for count in (1, 2, 9)),
    *(("Edf", 2, rate, "mV", (-1.0, 1.0), (-32768, 32767), ()) for rate in (1, 2, 100, 500, 512, 1000)),
    *(("Edf", 2, 50, "mmHg", scale, (-32768, 32767), ()) for scale in ((0.0, 300.0), (-7e-3, 2e-3), (-4e5, 9e5))),
    ("Edf", 2, 100, "", (0.0, 1.0), (0, 1), ()),
    ("Edf", 2, 100, "degC", (20.0, 45.0), (-7, 9), ()),
    ("Edf", 2, 100, "uV", (-500.0, 500.0), (-2048, 2047), ((0.5, None, "blink"), (1.0, 2.0, "sleep"))),
    *(("Bdf", count, 256, "uV", (-500.0, 500.0), (-(2**23), 2**23 - 1), ()) for count in (1, 3)),
    *(("Bdf", 2, rate, "uV", (-1.0, 3.0), (-(2**17), 2**17), ()) for rate in (1, 1_000)),
    ("Bdf", 2, 256, "uV", (-500.0, 500.0), (-(2**23), 2**23 - 1), ((0.5, 1.0, "blink"),)),
]


@pytest.mark.parametrize("number", range(len(WRITTEN)))
def test_what_edfio_wrote_comes_back_as_it_reads_it_itself(tmp_path, number):
    kind, count, rate, units, scale, limits, notes = WRITTEN[number]
    values = np.random.default_rng(number).uniform(*scale, (count, 4 * rate))
    path = by_edfio(tmp_path / f"a.{kind.lower()}", values, rate, units, scale, limits, notes, kind)
    read = getattr(edfio, f"read_{kind.lower()}")(path)
    stored = SOURCES.build("edf", {"path": str(path), "values": "stored"})
    assert stored.dtype == (np.int16 if kind == "Edf" else np.int32)
    assert stored.sampling_rate == rate
    assert stored.channel_names == tuple(f"C{row}" for row in range(count))
    np.testing.assert_array_equal(stored[0], [signal.digital for signal in read.signals])
    np.testing.assert_allclose(build(path)[0], [signal.data for signal in read.signals], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("width", "suffix"), [(2, "edf"), (3, "bdf")])
def test_numbers_of_the_specification_come_back_bit_for_bit_across_records(tmp_path, width, suffix):
    values = numbers(3, 40, width)
    (tmp_path / f"a.{suffix}").write_bytes(edf_of(values, width=width))
    source = SOURCES.build(*infer_source(tmp_path / f"a.{suffix}"))
    limit = 2 ** (8 * width - 1)
    exact = (values + limit) * ((float(f"{(limit - 1) / 10:.8g}"[:8]) + float(f"{limit / 10:g}")) / (2 * limit - 1))
    np.testing.assert_allclose(source[0], exact - float(f"{limit / 10:g}"), rtol=1e-12, atol=1e-9)
    windows = build(tmp_path / f"a.{suffix}", values="stored", window=7, hop=3, signals=("s2", "s0"))
    assert windows[4].tobytes() == values[[2, 0], 12:19].astype(windows.dtype).tobytes()
    assert len(windows) == 12


def test_signals_of_the_usual_rate_are_read_and_others_named(tmp_path):
    (tmp_path / "a.edf").write_bytes(edf_of(numbers(3, 40), per_record=(10, 10, 5)))
    source = build(tmp_path / "a.edf")
    assert (source.channel_names, source.sampling_rate) == (("s0", "s1"), 10)
    assert source.remarks[0] == "not read: s2; data.source.signals chooses others"
    assert build(tmp_path / "a.edf", signals=("s2",)).sampling_rate == 5


SLEEP = [note(5) + note(5, "wake", duration=1.5), note(6), note(7) + note(7.2, "blink"), note(8)]


def test_annotations_are_classes_of_the_windows_that_they_cover_most(tmp_path):
    """Records begin at 5 s: wake lasts from 0 to 1.5 s, a blink is at 2.2 s; windows last half a second."""
    (tmp_path / "a.edf").write_bytes(edf_of(numbers(1, 40), notes=SLEEP))
    source = build(tmp_path / "a.edf", labels="annotations", window=5, values="stored")
    assert source.names == ("a.edf#0", "a.edf#1", "a.edf#2", "a.edf#4")
    assert [source.class_names[label] for label in source.labels] == ["wake", "wake", "wake", "blink"]
    np.testing.assert_array_equal(source[3], numbers(1, 40)[:, 20:25])
    assert "4 windows without an annotation not read" in source.remarks
    (tmp_path / "a.edf").write_bytes(edf_of(numbers(1, 40)))
    with pytest.raises(DataError, match=r"annotations in some window wanted, got none; set data\.source\.labels"):
        build(tmp_path / "a.edf", labels="annotations")


def test_the_longest_annotation_of_a_window_counts_and_then_the_first():
    notes = [Annotation(0.0, 1.2, "a"), Annotation(1.0, 1.0, "b"), Annotation(2.5, 0.0, "c"), Annotation(2.6, 0.0, "d")]
    firsts = np.array([0, 7, 10, 20, 30])
    assert longest(notes, firsts, 10, 10.0).tolist() == [0, 1, 1, 2, -1]
    assert longest([Annotation(0.0, 9.0, "a"), Annotation(0.0, 9.0, "b")], firsts[4:], 10, 10.0).tolist() == [0]


@pytest.mark.parametrize(("window", "rate"), [(1, 10.0), (3, 10.0), (7, 100.0), (256, 256.0), (1, 3.0)])
def test_an_annotation_without_a_length_lies_in_one_window_also_at_their_borders(window, rate):
    """At the first frame of a window it is in that window alone, whatever its time in seconds is rounded to."""
    firsts = window * np.arange(1_000)
    for number in (1, 3, 7, 300, 999):
        found = longest([Annotation(number * window / rate, 0.0, "a")], firsts, window, rate)
        assert np.flatnonzero(found >= 0).tolist() == [number]
        whole = longest([Annotation(number * window / rate, window / rate, "a")], firsts, window, rate)
        assert np.flatnonzero(whole >= 0).tolist() == [number]


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("per_record", [1, 4, 10, 40])
def test_windows_across_records_of_any_length_come_back_bit_for_bit(tmp_path, per_record, width):
    values = numbers(3, 40, width)
    (tmp_path / "a.edf").write_bytes(edf_of(values, per_record=(per_record,) * 3, width=width))
    for window in (1, 3, 4, 10, 13, 40):
        source = build(tmp_path / "a.edf", values="stored", window=window, hop=1)
        expected = np.lib.stride_tricks.sliding_window_view(values, window, axis=1).swapaxes(0, 1)
        np.testing.assert_array_equal(source.read(np.arange(len(source))), expected)


def test_recordings_with_gaps_are_refused_and_those_without_read(tmp_path):
    whole, gap = [note(at) for at in (0, 1, 2, 3)], [note(at) for at in (0, 1, 5, 6)]
    (tmp_path / "a.edf").write_bytes(edf_of(numbers(1, 40), notes=whole, kind="EDF+D"))
    assert build(tmp_path / "a.edf").shape == (1, 40)
    (tmp_path / "a.edf").write_bytes(edf_of(numbers(1, 40), notes=gap, kind="EDF+D"))
    with pytest.raises(DataError, match=r"a\.edf: a recording without gaps wanted, got records that do not follow"):
        build(tmp_path / "a.edf")


def test_a_range_may_be_upside_down(tmp_path):
    """Half of 1,000 mV at the smallest number, minus half at the largest: (d + 32768) * -1000 / 65535 + 500."""
    (tmp_path / "a.edf").write_bytes(edf_of(numbers(1, 40), physical_min="500", physical_max="-500"))
    expected = (numbers(1, 40) + 32_768) * (-1_000 / 65_535) + 500
    np.testing.assert_allclose(build(tmp_path / "a.edf")[0], expected, rtol=1e-12, atol=1e-9)


def test_a_file_that_is_still_written_has_as_many_records_as_there_are(tmp_path):
    (tmp_path / "a.edf").write_bytes(edf_of(numbers(1, 40), records=-1) + b"part")
    assert build(tmp_path / "a.edf").shape == (1, 40)


WHOLE = edf_of(numbers(2, 40))
DAMAGED = {
    "empty": b"",
    "another format": b"1" + WHOLE[1:],
    "a header alone": WHOLE[:256],
    "cut off": WHOLE[:-30],
    "no signals": WHOLE[:252] + b"0   " + WHOLE[256:],
    "no number": WHOLE[:252] + b"two " + WHOLE[256:],
    "no numbers in a record": edf_of(numbers(1, 40)).replace(b"10      ", b"0       "),
    "no range": edf_of(numbers(1, 40), digital_max="-32768"),
    "not a number": edf_of(numbers(1, 40), physical_max="nan"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_files_are_refused_in_a_line(tmp_path, kind):
    (tmp_path / "a.edf").write_bytes(DAMAGED[kind])
    with pytest.raises(UnreadableFileError, match=r"a\.edf: cannot be read as an EDF file") as caught:
        build(tmp_path / "a.edf")
    assert len(caught.value.lines) == 1


def test_files_of_another_form_are_refused_by_name(tmp_path):
    (tmp_path / "a.edf").write_bytes(WHOLE)
    (tmp_path / "b.edf").write_bytes(edf_of(numbers(2, 40), seconds=0.5))
    with pytest.raises(DataError, match=r"b\.edf: s0 \[mV\], s1 \[mV\] at 10 Hz wanted as in a\.edf, got .* at 20 Hz"):
        build(tmp_path)
    (tmp_path / "b.edf").write_bytes(edf_of(numbers(2, 40), physical_max="9"))
    assert len(build(tmp_path)) == 2
    with pytest.raises(DataError, match=r"b\.edf: .* scaled as .* wanted as in a\.edf"):
        build(tmp_path, values="stored")


def test_what_is_checked_can_be_trained_on_by_its_index(tmp_path):
    (tmp_path / "a.edf").write_bytes(WHOLE)
    check = check_path(tmp_path / "a.edf")
    (tmp_path / "index.jsonl").write_text(check.index.to_text(), encoding="utf-8")
    assert (check.source, len(SOURCES.build(*infer_source(tmp_path / "index.jsonl")))) == ("edf", 1)
