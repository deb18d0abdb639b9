"""A trained model and what people do with it, in the units of their data."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, final, overload

import numpy.typing as npt
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from idm.core.errors import SettingsError
from idm.core.notebook import listener_or_quiet
from idm.core.progress import Listener
from idm.core.text import counted
from idm.run.drawing import Watch, draw
from idm.run.inputs import as_inputs
from idm.run.label_kind import Label
from idm.run.labels import Labels
from idm.run.measurable import Measurable
from idm.run.saving import picture_of, results_folder, sample_folder, save_samples
from idm.samplers import Sampler, Seed


class DrawOptions(TypedDict, total=False):
    """Options of ``Run.sample``, whatever it returns."""

    labels: Labels | None
    condition: npt.ArrayLike | None
    seed: Seed
    guidance: float
    sampler: Sampler | None
    batch_size: int | None
    watch: Watch | None
    listener: Listener | None


@final
@dataclass(frozen=True, eq=False, repr=False)
class Run(Measurable):
    """A trained model. Samples come and go in the data's own units, type and order of axes."""

    @overload
    def sample(
        self, num: int | None = None, *, as_tensor: Literal[False] = False, **options: Unpack[DrawOptions]
    ) -> NDArray[Any]: ...

    @overload
    def sample(self, num: int | None = None, *, as_tensor: Literal[True], **options: Unpack[DrawOptions]) -> Tensor: ...

    def sample(
        self,
        num: int | None = None,
        *,
        labels: Labels | None = None,
        condition: npt.ArrayLike | None = None,
        seed: Seed = 0,
        guidance: float = 1.0,
        sampler: Sampler | None = None,
        batch_size: int | None = None,
        watch: Watch | None = None,
        listener: Listener | None = None,
        as_tensor: bool = False,
    ) -> NDArray[Any] | Tensor:
        """Draw samples.

        Args:
            num: how many; by default one of each of the ``labels``, or of the conditions where these are more.
            labels: classes by name or number, repeated in turn; every class in turn if None.
            condition: for a network that is told conditions, one or several in their own units, repeated in turn; those
                of the held-out data if None.
            seed: sample i is drawn from seed + i, or from seed[i] where there are several, whatever the batch size.
            guidance: scale of classifier-free guidance; 1 is off.
            sampler: a sampler from ``run.sampler``; the run's own by default.
            batch_size: samples per call of the network; the run's ``batch_size`` by default.
            watch: shown x_T and the state after every step, for the first batch.
            listener: hears how it gets on; a bar in a notebook, nothing elsewhere, by default.
            as_tensor: return a tensor [num, c, *space] in the model's range, on the CPU, instead of the data's values.

        Raises:
            SettingsError: no samples, more than memory holds, or labels, conditions or guidance that it was not
                trained for.
            DataError: conditions of another shape, or none, and the data of the run cannot be opened.
            NumericalError: samples are not finite.
        """
        asked = self.label_kind.asked(labels, condition)
        wanted = partial(draw, self, num, labels=asked, seed=seed, guidance=guidance, sampler=sampler)
        x = wanted(batch_size=batch_size, watch=watch, listener=listener_or_quiet(listener))
        return x if as_tensor else self.restored(x)

    def picture(
        self,
        samples: npt.ArrayLike,
        *,
        labels: Labels | None = None,
        condition: npt.ArrayLike | None = None,
        columns: int | None = None,
    ) -> Image.Image:
        """Lay samples out as a picture, which a notebook shows; points as a scatter plot.

        Args:
            samples: one or several.
            labels: their classes, in turn, which name columns of one class each.
            condition: their conditions, in turn, which stand above them.
            columns: samples in a row; as many as make the picture about square by default.

        Raises:
            DataError: samples that do not fit the run's data.
            SettingsError: a label that is no class.
        """
        x = as_inputs(self, samples).x
        told = self.spec.label_kind.asked(labels, condition)
        return picture_of(x, self.spec, columns, self._every_label(told, len(x)))

    def save(
        self,
        samples: npt.ArrayLike,
        folder: str | Path,
        *,
        labels: Labels | None = None,
        condition: npt.ArrayLike | None = None,
        columns: int | None = None,
        formats: Sequence[str] | None = None,
    ) -> dict[str, Path]:
        """Write samples to a folder: a picture of all, PNG files where they fit, exact values in samples.npz.

        Args:
            samples: one or several.
            folder: results of an earlier call in it are replaced, nothing else.
            labels: their classes, in turn, which are stored beside them.
            condition: their conditions, in turn, which are, too.
            columns: samples in a row of the picture.
            formats: names of further formats, such as "nifti", see ``idm.data.writers``; by default the one that the
                run's data came in.

        Returns:
            What was written, by what it is.

        Raises:
            DataError: samples that do not fit the run's data.
            SettingsError: there are other files of these names, or it is the folder of the run's data; no such format,
                or one that cannot hold such samples.
        """
        x = as_inputs(self, samples).x
        every = self._every_label(self.spec.label_kind.asked(labels, condition), len(x))
        if not str(folder):
            raise SettingsError("folder: a name wanted, got an empty text")
        write = partial(save_samples, run=self, x=x, columns=columns, labels=every, formats=formats)
        with sample_folder(results_folder(folder, self, "saved"), self, len(x), formats=formats) as results:
            return results.put(counted(len(x), "sample"), write)

    def _every_label(self, labels: Labels | None, count: int) -> list[Label] | None:
        """Repeat labels in turn; None where there are none."""
        asked = self.spec.label_kind.read(labels)
        return None if asked is None else [asked[row % len(asked)] for row in range(count)]
