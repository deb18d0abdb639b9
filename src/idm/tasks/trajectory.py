"""Watching samples come out of noise: an animation, and a strip of a few moments."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from idm.report import columns_of, save_animation, save_picture
from idm.run import DataSpec
from idm.run.label_kind import Label
from idm.run.saving import picture_of, sample_picture
from idm.samplers import Sampler, SampleStep

MOST_FRAMES, MOST_SHOWN, FRAME_PIXELS = 40, 36, 1024
"""Frames of the animation, samples in it, and the longest side of a frame."""

STRIP_SAMPLES, STRIP_MOMENTS = 8, 8


class Recorder:
    """Keeps the first samples of a batch at up to 40 evenly spaced moments, x_T and x_0 included."""

    def __init__(
        self, sampler: Sampler, spec: DataSpec, labels: Sequence[Label] | None, num: int, classes: int
    ) -> None:
        """Choose the moments, and rows for the first of ``num`` samples, whose labels have ``classes`` in turn."""
        most = min(MOST_SHOWN, sample_picture(spec).most)
        columns = columns_of(min(num, most), classes)
        self._spec, self._labels, self._columns, self._seen = spec, labels, columns, 0
        self._shown = max(1, most // columns) * columns if columns is not None else most
        last = sampler.diffusion.num_timesteps
        self._moments = set(_even(last, min(MOST_FRAMES, last + 1)))
        self._frames: list[Tensor] = []

    def watch(self, state: SampleStep) -> None:
        """Look at the next state."""
        if self._seen in self._moments:
            self._frames.append(state.sample[: self._shown].cpu())
        self._seen += 1

    def save(self, folder: Path) -> dict[str, Path]:
        """Write trajectory.webp, and trajectory.png with a row per sample and a column per moment."""
        frames = [picture_of(frame, self._spec, self._columns, self._labels) for frame in self._frames]
        for frame in frames:
            frame.thumbnail((FRAME_PIXELS, FRAME_PIXELS))
        animation = save_animation(folder / "trajectory.webp", frames)
        columns = min(STRIP_MOMENTS, len(self._frames))
        chosen = [self._frames[i][:STRIP_SAMPLES] for i in _even(len(self._frames) - 1, columns)]
        rows = torch.stack(chosen, dim=1).flatten(0, 1)
        strip = save_picture(folder / "trajectory.png", picture_of(rows, self._spec, columns))
        return {"strip": strip, "animation": animation}


def _even(last: int, count: int) -> list[int]:
    """``count`` whole numbers from 0 to ``last``."""
    return [round(i * last / max(count - 1, 1)) for i in range(count)]
