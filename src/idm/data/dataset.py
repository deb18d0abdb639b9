"""A part of a source in the model's range, ready to be drawn from."""

import math
from collections.abc import Iterable
from copy import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from idm.core.errors import SettingsError
from idm.data.base import CACHE_BYTES, Indices, Source, blocks
from idm.data.codec import Codec
from idm.data.crop import crop_shares, crop_sizes, crop_windows
from idm.data.reading.loader import TIMEOUT_SECONDS, Batches
from idm.data.reading.reader import Batch
from idm.data.sizes import Sizes
from idm.data.told_rows import joined

Labels = NDArray[Any]
"""Classes, int64 [n], or numbers, float32 [n, k]."""

NAMED_SAMPLES = 8
"""Most samples of a batch that a message names."""


def _check_flip(shape: tuple[int, ...], *, random_flip: bool) -> None:
    if random_flip and len(shape) < 2:
        raise SettingsError(f"random_flip: data with a spatial axis wanted, got {shape}; set data.random_flip=false")


class Dataset:
    """Some of the samples of a source, encoded, with their labels, conditions, or both.

    Samples are numbered 0..len-1. With ``random_flip`` every sample is there twice, mirrored (along its last axis)
    under the numbers of the second half; a random order of all numbers then mirrors a random half of the samples, and
    which ones is fixed by the order alone.

    With ``crop`` samples are cut to that size. A number i + len * draw stands for sample i: draw 0 is cut from the
    centre, every further draw (see ``plan.with_epochs``) at a place that is a function of seed, draw and i.

    Attributes:
        shape: channels and spatial sizes of a sample.
    """

    def __init__(
        self,
        source: Source,
        codec: Codec,
        indices: Indices,
        *,
        labels: Labels | None = None,
        condition: "Dataset | None" = None,
        random_flip: bool = False,
        crop: Sizes = 0,
        crop_seed: int = 0,
        workers: int = 0,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take samples from a source; they are encoded now and kept if all of the source fits into memory.

        Args:
            source: where the samples come from.
            codec: how they map to the model's range.
            indices: which samples of the source.
            labels: labels of all samples of the source, [n] or [n, k], or None to go without.
            condition: what goes with each sample, beside its label: as many samples, mirrored and cropped alike.
            random_flip: add the mirrored samples.
            crop: size of every spatial axis, or of each, after cropping; 0: as they are.
            crop_seed: seed of where to crop.
            workers: number of processes that read what is not in memory; 0: a thread does.
            timeout: seconds that the reading of a batch may take.

        Raises:
            SettingsError: points cannot be mirrored or cropped; a crop that is larger than the samples.
            DataError: the samples cannot be read, or do not fit the codec.
        """
        _check_flip(source.shape, random_flip=random_flip)
        self.source, self.codec, self.random_flip = source, codec, random_flip
        self._crop, self._crop_seed = crop_sizes(source.shape, crop), crop_seed
        self._workers, self._timeout = workers, timeout
        self.shape = (source.shape[0], *(self._crop or source.shape[1:]))
        self._indices = indices
        self._labels = None if labels is None else torch.as_tensor(labels[indices])
        self._condition = condition
        room = CACHE_BYTES - (0 if condition is None else condition.kept_bytes)
        self._encoded = self._encode_all() if _encoded_bytes(source) <= room else None

    def __len__(self) -> int:
        """Return how many samples there are to draw, mirrored ones included."""
        return len(self._indices) * (2 if self.random_flip else 1)

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing is left to read."""
        return self._encoded is not None and (self._condition is None or self._condition.is_in_memory)

    @property
    def kept_bytes(self) -> int:
        """Bytes that all parts of the source take together where they are kept in memory; 0 where they are read."""
        return 0 if self._encoded is None else _encoded_bytes(self.source)

    @property
    def num_read(self) -> int:
        """How many samples of the source there are, none of them mirrored."""
        return len(self._indices)

    @property
    def labels(self) -> Tensor | None:
        """Labels of these, in order, without conditions; None without any."""
        return self._labels

    @property
    def classes(self) -> Tensor | None:
        """Classes of these, int64, in order; None where labels are numbers, or there are none."""
        return None if self._labels is None or self._labels.is_floating_point() else self._labels

    def classes_of(self, indices: Indices) -> Tensor | None:
        """Return the classes of the samples of those numbers, int64 [b], as ``batch`` numbers them; None: of none."""
        places = torch.as_tensor(indices % len(self) % len(self._indices))
        return None if self.classes is None else self.classes[places]

    def batch(self, indices: Indices) -> Batch:
        """Return the samples of those numbers, [b, *shape], and their labels, conditions, or rows of both.

        Raises:
            DataError: a file that was damaged or changed meanwhile.
        """
        told = None if self._condition is None else self._condition.batch(indices)[0]
        draws, indices = np.divmod(indices, len(self))
        places = indices % len(self._indices)
        chosen = torch.as_tensor(places)
        x = self._read(places) if self._encoded is None else self._encoded.index_select(0, chosen)
        if self.random_flip:
            mirrored = torch.as_tensor(indices >= len(self._indices)).reshape(-1, *(1,) * (x.ndim - 1))
            x = torch.where(mirrored, x.flip(-1), x)
        if self._crop:
            x = crop_windows(x, self._crop, crop_shares(self._crop_seed, draws, indices, x.ndim - 2))
        if self._labels is None:
            return x, told
        labels = self._labels[chosen]
        return x, labels if told is None else joined(labels, told)

    def first(self, count: int) -> Batch:
        """Return the first ``count`` samples as they are, or all if there are fewer."""
        return self.batch(np.arange(min(count, len(self._indices))))

    def with_labels(self, labels: Labels) -> "Dataset":
        """Return the same samples with labels in place of what they had, given for all samples of the source."""
        labelled = copy(self)
        labelled._labels, labelled._condition = torch.as_tensor(labels[self._indices]), None
        return labelled

    def batches(self, order: Iterable[Indices], *, ahead: int = 2) -> Batches:
        """Return the batches of an order (see ``plan``); what is not in memory is read while the one before is used.

        Args:
            order: numbers of the samples of each batch; it may be endless.
            ahead: how many batches to have ready, by each process where there are several; at least 1.
        """
        ahead = 0 if self.is_in_memory else ahead
        return Batches(self, order, ahead=ahead, workers=self._workers, timeout=self._timeout)

    def describe(self, indices: Indices) -> str:
        """Name the samples of those numbers in a few words, by their numbers and names in the source."""
        numbers, names = self.sources_of(indices[:NAMED_SAMPLES])
        more = len(indices) - NAMED_SAMPLES
        listed = ", ".join(map(str, numbers)) + (f" and {more} more" if more > 0 else "")
        in_words = f" ({', '.join(names)}{', ...' if more > 0 else ''})" if names else ""
        return f"{'sample' if len(indices) == 1 else 'samples'} {listed}{in_words}"

    def sources_of(self, indices: Indices) -> tuple[list[int], list[str] | None]:
        """Return the numbers that samples have in the source, and their names there; None where they have none."""
        numbers = self._indices[indices % len(self) % len(self._indices)].tolist()
        names = self.source.names
        return numbers, None if names is None else [names[int(number)] for number in numbers]

    def columns_of(self, indices: Indices) -> dict[str, list[Any]]:
        """Return what tables say of samples besides their numbers and names, see ``Source.columns_of``."""
        return self.source.columns_of(self._indices[indices % len(self) % len(self._indices)])

    def _read(self, places: Indices) -> Tensor:
        return self.codec.encode(self.source.read(self._indices[places]))

    def _encode_all(self) -> Tensor:
        encoded = torch.empty(len(self._indices), *self.source.shape)
        for places in blocks(np.arange(len(self._indices)), self.source.sample_bytes):
            encoded[places[0] : places[-1] + 1] = self._read(places)
        return encoded


def _encoded_bytes(source: Source) -> int:
    return 4 * len(source) * math.prod(source.shape)
