"""Refusals of sound and of other signals."""

import wave

import numpy as np
import soundfile

from ...edfs import edf_of
from .case import Case
from .fields import LABELS
from .mixed_files import VAL


def sounds(*names, length=64):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(folder / f"{name}.wav"), "wb") as file:
                file.setparams((1, 1, 8_000, length - number, "NONE", ""))
                file.writeframes(bytes(range(length - number)))
        return folder

    return make


SOUNDS: list[Case] = [
    Case("wav", sounds("a", "b"), "data.source.window", "8", {"data.source.window": "64"}),
    Case("wav", sounds("a", "b/c"), "data.source.labels", "none", {"data.source.labels": "folder"}),
    Case("wav", sounds("train/a", "test/b"), "data.source.split", "null", VAL),
]


def recordings(*names, **options):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            values = np.arange(80).reshape(2, 40).astype(np.int16)[:, : 40 - 10 * number]
            (folder / f"{name}.edf").write_bytes(edf_of(values, **options))
        return folder

    return make


def flacs(*names):
    def make(folder):
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / f"{name}.flac", np.arange(40 - number).astype(np.int16), 8_000)
        return folder

    return make


SIGNALS = "data.source.signals"

SIGNALS_IN_FILES: list[Case] = [
    Case("edf", recordings("a", "b"), "data.source.window", "8", {"data.source.window": "40"}),
    Case("edf", recordings("a", "b"), SIGNALS, "[s1]", {SIGNALS: "[s2]"}),
    Case("edf", recordings("a", per_record=(10, 5)), SIGNALS, "[s1]", {SIGNALS: "[s0, s1]"}),
    Case("edf", recordings("a", "b/c"), LABELS, "none", {LABELS: "folder"}),
    Case("edf", recordings("a", "b"), LABELS, "none", {LABELS: "annotations"}),
    Case("edf", recordings("train/a", "test/b"), "data.source.split", "null", VAL),
    Case("sound", flacs("a", "b"), "data.source.window", "8", {"data.source.window": "40"}),
    Case("sound", flacs("a", "b/c"), LABELS, "none", {LABELS: "folder"}),
    Case("sound", flacs("train/a", "test/b"), "data.source.split", "null", VAL),
]
