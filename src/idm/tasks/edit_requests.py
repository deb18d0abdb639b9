"""What tasks that change samples are asked for: editing, encoding, interpolating."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idm.run.edits import SDEDIT
from idm.run.labels import Labels


@dataclass(frozen=True)
class EditRequest:
    """Changed samples that are wanted; see ``Run.edit``.

    Attributes:
        strength: how far they go to noise, from 0 (nothing changes) to 1 (nothing stays).
        method: how they are changed.
        num: results of each.
        label_a: classes that they have, in turn; those known by default.
        label_b: classes that they shall have, in turn; their own by default.
        sampler: settings of the sampler, or steps, spacing and threshold of an inversion.
        seed: result j of sample i is drawn from seed + num i + j.
        batch_size: samples per call of the network.
        guide: guidance, as of ``SampleRequest``, with the scale ``guidance``.
        condition: conditions of the samples, a file or folder, in turn.
        condition_source: options that open it where those of the run's own conditions do not.
    """

    strength: float = 0.5
    method: str = SDEDIT
    num: int = 1
    label_a: Labels | None = None
    label_b: Labels | None = None
    sampler: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seed: int = 0
    batch_size: int = 64
    guide: Mapping[str, Any] = field(default_factory=dict[str, Any])
    condition: str | None = None
    condition_source: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class EncodeRequest:
    """Latents that are wanted; see ``Run.encode``.

    Attributes:
        labels: classes of the samples, in turn; those known, or no class, by default.
        inversion: method, steps, spacing and threshold, where they are not the usual ones.
        seed: of the noise that bdia gives the data, and of that of rex_sde: sample i has that of seed + i.
        batch_size: samples per call of the network.
        guide: as of ``EditRequest``.
    """

    labels: Labels | None = None
    inversion: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seed: int = 0
    batch_size: int = 256
    guide: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class InterpolateRequest:
    """A walk between two samples that is wanted; see ``Run.interpolate``.

    Attributes:
        num: samples on the way, both ends included.
        label_a: class of the first; by default that of the second.
        label_b: class of the second; by default that of the first.
        inversion: as of ``EncodeRequest``.
        seed: of the noise that bdia gives the data: the first has that of seed, the second of seed + 1.
        guide: as of ``EditRequest``.
    """

    num: int = 9
    label_a: Labels | None = None
    label_b: Labels | None = None
    inversion: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seed: int = 0
    guide: Mapping[str, Any] = field(default_factory=dict[str, Any])
