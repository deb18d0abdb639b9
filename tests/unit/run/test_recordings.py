"""Windows of one recording lie on one side of the split, where recordings are enough; a line says how they lie."""

import wave
from dataclasses import replace

import numpy as np
import pytest

from idm.run import open_data
from idm.run.data import open_as_training
from idm.settings.data import DataSettings, SourceSettings

RNG = np.random.default_rng(0)


def recordings(folder, count, frames=48):
    for number in range(count):
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8_000, 0, "NONE", ""))
            file.writeframes(RNG.integers(-999, 999, frames).astype("<i2").tobytes())
    source = SourceSettings("wav", SourceSettings.options_of("wav")(path=str(folder), window=8))
    return DataSettings(source=source, held_out=0.2)


def names_of(dataset):
    return dataset.sources_of(np.arange(dataset.num_read))[1]


def files_of(dataset):
    return {name.partition("#")[0] for name in names_of(dataset)}


def test_windows_of_a_recording_are_kept_on_one_side(tmp_path):
    settings = recordings(tmp_path, 10)
    data = open_data(settings)
    assert not files_of(data.train) & files_of(data.held_out)
    assert len(data.held_out) == 12  # a fifth of 60 windows: those of two recordings
    said = (
        "data: 2 of 10 recordings are held out, 12 of 60 samples: samples of a recording are kept on one side of the "
    )
    assert data.notes == (f"{said}split",)
    assert data.remarks == ()
    assert data.notes[0] in open_as_training(settings).values.remarks


def test_patches_of_overlapping_windows_of_a_recording_are_kept_on_one_side_too(tmp_path):
    settings = recordings(tmp_path, 10)
    source = SourceSettings("wav", SourceSettings.options_of("wav")(path=str(tmp_path), window=8, hop=4))
    data = open_data(replace(settings, source=source, patch_size=4))
    assert data.spec.shape == (1, 4)
    assert len(files_of(data.held_out)) == 2
    assert not files_of(data.train) & files_of(data.held_out)


def test_a_setting_wins(tmp_path):
    settings = replace(recordings(tmp_path, 10), group_pattern=("*#(*)",))
    data = open_data(settings)
    assert len({name.partition("#")[2] for name in names_of(data.held_out)}) * 10 == len(data.held_out)
    listed = tmp_path / "held.txt"
    listed.write_text("3.wav#1\n")
    assert len(open_data(replace(recordings(tmp_path, 10), held_out_list=str(listed))).held_out) == 1


def test_a_run_that_was_begun_otherwise_keeps_its_split(tmp_path):
    settings = recordings(tmp_path, 10)
    now = open_data(settings)
    assert now.spec.held_out_hash
    again = open_data(settings, before=now.spec)
    assert names_of(again.held_out) == names_of(now.held_out)
    then = open_data(settings, before=replace(now.spec, held_out_hash=""))
    assert files_of(then.train) & files_of(then.held_out)
    assert then.spec.held_out_hash == ""


@pytest.mark.parametrize(
    ("count", "said", "advice"),
    [(1, "of the only recording", "data.held_out_list"), (3, "of each of 3 recordings", "data.group_pattern=(**/*)#*")],
)
def test_where_recordings_are_few_it_is_said_that_they_are_divided(tmp_path, count, said, advice):
    settings = recordings(tmp_path, count)
    data = open_data(settings)
    assert files_of(data.train) & files_of(data.held_out)
    (line,) = data.remarks
    assert f"samples {said} lie on both sides of the split" in line
    assert advice in line
    assert open_data(replace(settings, held_out=0)).remarks == ()


def test_recordings_that_are_samples_stand_alone(tmp_path):
    data = open_data(recordings(tmp_path, 10, frames=8))
    assert (data.notes, data.remarks, data.spec.held_out_hash) == ((), (), "")


def test_files_beside_recordings_are_named(tmp_path):
    settings = recordings(tmp_path, 10, frames=8)
    (tmp_path / "README.txt").write_text("Recorded 2024\n")
    assert "1 file of other kinds not read: README.txt" in open_as_training(settings).source.remarks
