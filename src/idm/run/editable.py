"""A trained model that reads a user's own samples, and carries samples to noise and back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from numpy.typing import NDArray
from torch import Tensor

from idm.core.counts import whole_number
from idm.core.errors import DataError
from idm.core.notebook import listener_or_quiet
from idm.core.progress import Listener
from idm.guidance import LevelClassifier
from idm.run import encoding, interpolating
from idm.run.carrying import classes_of_latents
from idm.run.inputs import as_inputs, read_inputs
from idm.run.inversions import choose_inversion
from idm.run.label_kind import Label
from idm.run.labels import Labels
from idm.run.latents import Latents
from idm.run.opened import Opened


@dataclass(frozen=True)
class Examples:
    """Samples of a user's own, read from files.

    Attributes:
        data: the samples, in the data's own units, type and order of axes.
        labels: number of the class of each; None where that is not known of all of them.
    """

    data: NDArray[Any]
    labels: list[Label] | None


@dataclass(frozen=True, eq=False, repr=False)
class Editable(Opened):
    """The part of a ``Run`` that edits. Samples come and go in the data's own units, type and order of axes."""

    def restored(self, x: Tensor) -> NDArray[Any]:
        """Return samples [n, c, *space] of the model's range as the data came."""
        return self.spec.restore(self.spec.codec.decode(x))

    def read(self, *names: str | Path) -> Examples:
        """Read pictures, array or NIfTI files, folders of them, or held-out samples, such as "held-out:0-7".

        Raises:
            DataError: files that cannot be read or do not fit the run's data; no such held-out sample.
        """
        if not names:
            raise DataError('read: files or held-out samples, such as "held-out:0-7", wanted, got none')
        found = read_inputs(self, list(map(str, names)))
        known = [label for label in found.labels if label is not None]
        return Examples(self.restored(found.x), known if len(known) == len(found.labels) else None)

    def encode(
        self,
        samples: npt.ArrayLike,
        *,
        labels: Labels | None = None,
        method: str | None = None,
        steps: int | None = None,
        spacing: str | None = None,
        threshold: float = 0.0,
        seed: int = 0,
        batch_size: int = 256,
        listener: Listener | None = None,
    ) -> Latents:
        """Carry samples to the noise that they could have been made from, by the network as it is guided.

        Args:
            samples: one or several.
            labels: their classes, in turn; no class by default.
            method: one of ``idm.editing.INVERSIONS``; bdia by default, whose latents decode to the very samples.
            steps: of the inversion, 0: all, 100 by default; more of them, latents closer to those of the exact flow.
            spacing: name of the grid; log_snr by default.
            threshold: share of dynamic thresholding of x_0, 0.995 with strong guidance; 0: x_0 as it is found.
            seed: of the noise that bdia gives the data, and of that of rex_sde: sample i has that of seed + i.
            batch_size: samples per call of the network.
            listener: hears how each batch gets on; as in ``sample``.

        Raises:
            DataError: samples that do not fit the run's data.
            SettingsError: an unknown method or grid, numbers out of range, or no labels for a network, or guidance,
                that knows classes only.
        """
        return encoding.encode(
            self,
            as_inputs(self, samples),
            labels=classes_of_latents(self, labels),
            choice=choose_inversion(self.diffusion, method, steps, spacing, threshold),
            seed=whole_number(seed, "seed"),
            batch_size=batch_size,
            listener=listener_or_quiet(listener),
        )

    def decode(
        self,
        latents: Latents,
        *,
        labels: Labels | None = None,
        classifier: LevelClassifier | None = None,
        batch_size: int = 256,
        listener: Listener | None = None,
    ) -> NDArray[Any]:
        """Make samples of latents from ``encode``, by the guidance that they were encoded with.

        Args:
            latents: from ``encode``, or ``Latents.read``.
            labels: other classes than they were encoded under, in turn.
            classifier: that of one's own, where they were encoded with one: a file of latents names no code to run.
            batch_size: samples per call of the network.
            listener: hears how each batch gets on.

        Raises:
            DataError: latents of other data.
            CheckpointError: latents of another checkpoint.
            SettingsError: a run with other guidance, or a classifier that is missing.
        """
        if not isinstance(latents, Latents):  # pyright: ignore[reportUnnecessaryIsInstance] (as callers give it)
            raise DataError(f"latents: those of run.encode or Latents.read(path) wanted, got {type(latents).__name__}")
        x, _ = encoding.decode(
            self,
            latents,
            labels=labels,
            classifier=classifier,
            batch_size=batch_size,
            listener=listener_or_quiet(listener),
        )
        return self.restored(x)

    def interpolate(
        self,
        start: npt.ArrayLike,
        end: npt.ArrayLike,
        num: int = 9,
        *,
        labels: Labels | None = None,
        method: str | None = None,
        steps: int | None = None,
        spacing: str | None = None,
        threshold: float = 0.0,
        seed: int = 0,
        listener: Listener | None = None,
    ) -> NDArray[Any]:
        """Walk from one sample to another through the noise that they come from.

        Args:
            start: one sample.
            end: another.
            num: how many samples, both ends included.
            labels: the classes of the two; no class by default, so that it can change on the way.
            method: as in ``encode``, and so ``steps``, ``spacing``, ``threshold`` and ``listener``.
            steps: of the inversion.
            spacing: name of the grid.
            threshold: share of dynamic thresholding.
            seed: of the noise that bdia gives the data: the first has that of seed, the second of seed + 1.
            listener: hears how it gets on.

        Raises:
            DataError: samples that do not fit the run's data.
            SettingsError: as in ``encode``, or other labels than two.
        """
        x, _ = interpolating.interpolate(
            self,
            interpolating.two_inputs(self, start, end),
            whole_number(num, "num"),
            labels=interpolating.two_classes(classes_of_latents(self, labels)),
            choice=choose_inversion(self.diffusion, method, steps, spacing, threshold),
            seed=whole_number(seed, "seed"),
            listener=listener_or_quiet(listener),
        )
        return self.restored(x)
