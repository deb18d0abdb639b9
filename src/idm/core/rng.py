"""Stateless random numbers: every draw is a function of (seed, purpose, step, element).

There is no generator to carry, save or restore. Each sample of a batch has its own seed; its numbers do not
depend on the batch it is drawn in, on the device, or on what was drawn before. The bits come from SplitMix64
(Steele, Lea & Flood 2014) used as a counter-based generator: a key mixed from seed, purpose and step starts
a stream, and element j of the stream is mix(key + (j + 1) * gamma). All of it is integer arithmetic on whole
tensors, modulo 2^64.
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, SupportsIndex, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from idm.core.counts import holds_several, whole_number
from idm.core.errors import SettingsError

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB

WORDS_AT_ONCE = 1 << 20
"""Most words of a sample that are computed together: the order of ten million samples would need a gigabyte."""


def _signed(value: int) -> int:
    """Two's-complement reading of 64 bits, as int64 tensors hold them."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def _mix_int(z: int) -> int:
    """SplitMix64's output function on a Python integer."""
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def _mix(z: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """The same function on an int64 tensor; ``>>`` is arithmetic there, so its sign bits are masked off."""
    z = (z ^ ((z >> 30) & ((1 << 34) - 1))) * _signed(_MIX_1)
    z = (z ^ ((z >> 27) & ((1 << 37) - 1))) * _signed(_MIX_2)
    return z ^ ((z >> 31) & ((1 << 33) - 1))


@lru_cache(maxsize=4096)
def _purpose_key(purpose: str, step: int) -> int:
    """One 64-bit word for a purpose and a step."""
    return _mix_int(_mix_int((zlib.crc32(purpose.encode()) + _GAMMA) & _MASK) + step * _GAMMA & _MASK)


def derive_seed(seed: int, purpose: str, step: int = 0) -> int:
    """Derive a non-negative 63-bit seed from another, for libraries that want a seed of their own."""
    return _mix_int((_mix_int((seed + _GAMMA) & _MASK) ^ _purpose_key(purpose, step)) & _MASK) >> 1


@lru_cache(maxsize=16)
def _counters(count: int, device: torch.device) -> Tensor:
    """Gamma * (1..count) modulo 2^64, the counters of one stream."""
    return torch.arange(1, count + 1, device=device, dtype=torch.int64) * _signed(_GAMMA)


@runtime_checkable
class NoiseSource(Protocol):
    """Where standard normal numbers come from, one stream per sample of a batch."""

    def normal(
        self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "b *shape"]:
        """Standard normal numbers of shape [b, *shape], the same whenever they are asked for."""
        ...


@dataclass(frozen=True)
class Rng:
    """Random numbers for a batch of samples, one seed each.

    Attributes:
        seeds: one integer seed per sample, int64, on the device that the draws shall be on.
    """

    seeds: Int[Tensor, " b"]

    @classmethod
    def from_seed(
        cls, seed: SupportsIndex | Sequence[int] | Tensor, batch: int, device: torch.device | str | None = None
    ) -> "Rng":
        """Seed sample i with ``seed + i``, or with ``seed[i]`` where a sequence is given.

        Raises:
            SettingsError: a sequence whose length is not the batch size, or seeds that are no whole numbers.
        """
        batch = whole_number(batch, "batch")
        if not holds_several(seed):
            first = _signed(whole_number(seed, "seed"))
            return cls(torch.arange(batch, device=device, dtype=torch.int64) + first)
        whole = isinstance(seed, Tensor) and not (seed.is_floating_point() or seed.dtype == torch.bool)
        several = seed if whole else [whole_number(each, "seed") for each in seed]
        seeds = torch.as_tensor(several, dtype=torch.int64, device=device)
        if seeds.shape != (batch,):
            raise SettingsError(f"seed: one integer or {batch} of them wanted, got {tuple(seeds.shape)}")
        return cls(seeds)

    def bits(self, purpose: str, step: int, count: int) -> Int[Tensor, "b n"]:
        """``count`` 64-bit words per sample, as int64 [b, count]."""
        if count <= WORDS_AT_ONCE:
            return self._words(purpose, [step], count)[0]
        words = torch.empty(len(self.seeds), count, dtype=torch.int64, device=self.seeds.device)
        for first in range(0, count, WORDS_AT_ONCE):
            some = words[:, first : first + WORDS_AT_ONCE]
            some.copy_(self._words(purpose, [step], some.shape[1], first)[0])
        return words

    def _words(self, purpose: str, steps: Sequence[int], count: int, first: int = 0) -> Int[Tensor, "k b n"]:
        """The bits of several steps, from the ``first`` on."""
        of_steps = torch.tensor([_signed(_purpose_key(purpose, step)) for step in steps])
        of_steps = of_steps.to(self.seeds.device, non_blocking=True)
        keys = _mix(_mix(self.seeds + _signed(_GAMMA)) ^ of_steps[:, None])
        return _mix((keys + _signed(first * _GAMMA))[..., None] + _counters(count, self.seeds.device))

    def uniform(self, purpose: str, step: int = 0, count: int = 1) -> Float[Tensor, "b n"]:
        """Uniform numbers in [0, 1), float64 [b, count] (float32 where the device has no float64)."""
        words = (self.bits(purpose, step, count) >> 11) & ((1 << 53) - 1)
        if words.device.type == "mps":
            return (words >> 29).float() * 2.0**-24
        return words.double() * 2.0**-53

    def normal(
        self, purpose: str, step: int, shape: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "b *shape"]:
        """Standard normal numbers of shape [b, *shape]."""
        return self.normals(purpose, [step], shape, dtype)[0]

    def normals(
        self, purpose: str, steps: Sequence[int], shape: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "k b *shape"]:
        """What ``normal`` gives at each of several steps, [k, b, *shape] (Box-Muller on the halves of each word)."""
        count = math.prod(shape)
        words = self._words(purpose, steps, (count + 1) // 2)
        wide = dtype if dtype == torch.float64 else torch.float32
        # (k + 1/2) / 2^32 lies in (0, 1): the logarithm is finite and |z| stays below 6.8.
        first = ((words >> 32) & 0xFFFFFFFF).to(wide).add_(0.5).mul_(2.0**-32)
        angle = (words & 0xFFFFFFFF).to(wide).mul_(2.0 * math.pi * 2.0**-32)
        radius = first.clamp_(max=1.0 - 2.0**-24).log_().mul_(-2.0).sqrt_()
        pairs = torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=-1)
        return pairs[..., :count].reshape(len(steps), -1, *shape).to(dtype)
