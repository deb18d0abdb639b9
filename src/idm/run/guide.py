"""How the samples of a run are guided."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import Denoiser
from idm.guidance import (
    Autoguidance,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    GuidanceRule,
    LevelClassifier,
    Linear,
)
from idm.run.guidance_rules import rule_in_words
from idm.run.loaded import Loaded

OfLabels = Callable[[Loaded, Tensor | None], Denoiser]
"""Given a run and labels: what its network finds under them."""


@final
@dataclass(frozen=True, eq=False)
class Guide:
    """What pushes the x_0 of a run, resolved: scales, the other network, the classifier.

    Attributes:
        scale: of classifier-free guidance; 1: off.
        autoscale: of autoguidance; 1: off.
        worse: the run with the weights that autoguidance pushes away from.
        worse_in_words: what these are.
        classifier_scale: of classifier guidance; 0: off.
        classifier: names the class of noisy data.
        class_names: what the classifier tells apart.
        classifier_in_words: what tells it from others.
        rule: how two denoisers are combined.
        interval: smallest and largest noise-to-signal ratio that is guided.
    """

    scale: float = 1.0
    autoscale: float = 1.0
    worse: Loaded | None = None
    worse_in_words: str = ""
    classifier_scale: float = 0.0
    classifier: LevelClassifier | None = None
    class_names: tuple[str, ...] | None = None
    classifier_in_words: str = ""
    rule: GuidanceRule = Linear()  # noqa: RUF009 (immutable)
    interval: tuple[float, float] = (0.0, math.inf)

    @property
    def is_on(self) -> bool:
        """Whether anything is guided."""
        return (self.scale, self.autoscale, self.classifier_scale) != (1.0, 1.0, 0.0)

    @property
    def is_plain(self) -> bool:
        """Whether it is classifier-free guidance of a scale, off included, and nothing else."""
        plain = (self.autoscale, self.classifier_scale, self.interval) == (1.0, 0.0, (0.0, math.inf))
        return plain and self.rule == Linear()

    def around(self, own: Loaded, found_by: OfLabels, y: Tensor | None, null_label: int | float | None) -> Denoiser:
        """Return the guided denoiser.

        Args:
            own: the run.
            found_by: makes denoisers of it, or of its worse version.
            y: labels [b]; None for a network without classes, and without a classifier.
            null_label: what stands for no class, where classifier-free guidance is on.
        """
        told = y if own.spec.label_kind.is_told else None
        found = found_by(own, told)
        if self.scale != 1.0 and told is not None and null_label is not None:
            classless = found_by(own, torch.full_like(told, null_label))
            found = ClassifierFreeGuidance(found, classless, self.scale, *self.interval, self.rule)
        elif self.worse is not None:
            found = Autoguidance(found, found_by(self.worse, told), self.autoscale, *self.interval, self.rule)
        if self.classifier is not None and y is not None:
            return ClassifierGuidance(found, self.classifier, y, self.classifier_scale, *self.interval)
        return found

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values that tell it from others; the scale of classifier-free guidance alone where it is."""
        if self.is_plain:
            return {"guidance": self.scale}
        return {
            "guidance": self.scale,
            "autoguidance": [self.autoscale, self.worse_in_words],
            "classifier": [self.classifier_scale, self.classifier_in_words],
            "guidance_rule": repr(self.rule),
            "guidance_interval": list(map(str, self.interval)),
        }

    def __str__(self) -> str:
        """Say what is on, in a line."""
        told: list[str] = []
        if self.scale != 1.0:
            told.append(f"guidance {self.scale:g}")
        if self.worse is not None:
            told.append(f"autoguidance {self.autoscale:g} from {self.worse_in_words}")
        if told and self.rule != Linear():
            told.append(f"by {rule_in_words(self.rule)}")
        if self.classifier is not None:
            told.append(f"classifier scale {self.classifier_scale:g} ({self.classifier_in_words})")
        if told and self.interval != (0.0, math.inf):
            told.append("at noise-to-signal ratios from {:g} to {:g}".format(*self.interval))
        return ", ".join(told)


def require_finite_scale(value: float, name: str) -> None:
    """Refuse what is no scale.

    Raises:
        SettingsError: as said.
    """
    if not math.isfinite(value):
        raise SettingsError(f"{name}: a finite number wanted, got {value}")


def require_interval(interval: tuple[float, float]) -> None:
    """Refuse what is no interval of noise-to-signal ratios.

    Raises:
        SettingsError: as said.
    """
    try:
        low, high = map(float, interval)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"guidance_interval: two noise-to-signal ratios wanted, got {interval!r}") from error
    if not 0.0 <= low <= high:  # NaN is refused, too
        raise SettingsError(
            f"guidance_interval: noise-to-signal ratios LOW,HIGH with 0 <= LOW <= HIGH wanted, got {low:g},{high:g}"
        )
