"""Random values in place of data: what they are makes no difference to the speed of a step."""

import numpy as np
import torch

from idm.bench.sizes import Configuration
from idm.data import Indices, Samples, Source
from idm.run import DataSpec

NUM_SAMPLES = 256


class RandomData(Source):
    """Samples that were drawn from one seed, kept in memory."""

    def __init__(self, values: Samples, levels: int | None, class_names: tuple[str, ...] | None = None) -> None:
        """Hold them.

        Args:
            values: samples [n, c, *space].
            levels: number of different values that there can be; None: any.
            class_names: names of the classes, which samples take turns in; None: there are none.
        """
        self._values, self.levels, self.class_names = values, levels, class_names
        self.shape, self.dtype, self.note = values.shape[1:], values.dtype, "random values"
        self.labels = None if class_names is None else np.arange(len(values)) % len(class_names)

    @classmethod
    def images(cls, config: Configuration) -> "RandomData":
        """Draw images of bytes for a network of that size."""
        shape = (NUM_SAMPLES, config.channels, config.size, config.size)
        return cls(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), 256)

    @classmethod
    def like(cls, spec: DataSpec) -> "RandomData":
        """Draw values of the shape, type and classes of a run's data."""
        noise = torch.randn(NUM_SAMPLES, *spec.shape, generator=torch.Generator().manual_seed(0))
        return cls(spec.codec.decode(0.3 * noise), spec.codec.levels, spec.class_names)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._values)

    def read(self, indices: Indices) -> Samples:
        """Return samples [n, c, *space]."""
        return self._values[indices]
