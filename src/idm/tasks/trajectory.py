"""Watching samples come out of noise: an animation, and a strip of a few moments."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from idm.report import columns_of, save_animation, save_picture
from idm.report.frame import beside
from idm.run import DataSpec
from idm.run.label_kinds import Label
from idm.run.saving import picture_of, sample_picture
from idm.samplers import Sampler, SampleStep

MOST_FRAMES = 40
MOST_SHOWN = 36
"""Samples in the animation."""

STRIP_SAMPLES, STRIP_MOMENTS, STRIP_PICTURES = 8, 8, 4


class Recorder:
    """Keeps the first samples of a batch at up to 40 evenly spaced moments, x_T and x_0 included."""

    def __init__(
        self, sampler: Sampler, spec: DataSpec, labels: Sequence[Label] | None, num: int, classes: int
    ) -> None:
        """Choose the moments, and rows for the first of ``num`` samples, whose labels have ``classes`` in turn."""
        columns = columns_of(min(num, MOST_SHOWN), classes)
        self._spec, self._labels, self._columns, self._seen = spec, labels, columns, 0
        self._shown = MOST_SHOWN // columns * columns if columns is not None else MOST_SHOWN
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
        animation = save_animation(folder / "trajectory.webp", frames)
        strip = save_picture(folder / "trajectory.png", self._strip())
        return {"strip": strip, "animation": animation}

    def _strip(self) -> Image.Image:
        """Lay moments out as columns; those of points, which have none, as pictures side by side."""
        if sample_picture(self._spec).has_columns:
            moments = [moment[:STRIP_SAMPLES] for moment in self._some(STRIP_MOMENTS)]
            return picture_of(torch.stack(moments, dim=1).flatten(0, 1), self._spec, len(moments))
        pictures = [picture_of(moment, self._spec) for moment in self._some(STRIP_PICTURES)]
        return beside(pictures, pictures[0].width, 0)

    def _some(self, count: int) -> list[Tensor]:
        """Return evenly spaced moments."""
        return [self._frames[i] for i in _even(len(self._frames) - 1, min(count, len(self._frames)))]


def _even(last: int, count: int) -> list[int]:
    """``count`` whole numbers from 0 to ``last``."""
    return [round(i * last / max(count - 1, 1)) for i in range(count)]
