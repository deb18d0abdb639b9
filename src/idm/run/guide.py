"""How the samples of a run are guided."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

from torch import Tensor

from idm.diffusion import Denoiser
from idm.guidance import (
    Autoguidance,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    GuidanceRule,
    LevelClassifier,
    Linear,
)
from idm.run.guidance_request import GuidanceRequest
from idm.run.guidance_rules import rule_in_words
from idm.run.loaded import Loaded
from idm.run.versions import Worse

OfLabels = Callable[[Loaded, Tensor | None], Denoiser]
"""Given a run and labels: what its network finds under them."""


@final
@dataclass(frozen=True, eq=False)
class Judge:
    """A classifier of noisy data.

    Attributes:
        classify: names the class.
        class_names: what it tells apart.
        name: what tells it from others.
    """

    classify: LevelClassifier
    class_names: tuple[str, ...]
    name: str


@final
@dataclass(frozen=True, eq=False)
class Guide:
    """What pushes the x_0 of a run, resolved: scales, the other network, the classifier.

    Attributes:
        asked: scales and levels.
        rule: how two denoisers are combined.
        worse: the weights that autoguidance pushes away from; None: off.
        judge: the classifier; None: off.
    """

    asked: GuidanceRequest = field(default_factory=GuidanceRequest)
    rule: GuidanceRule = field(default_factory=Linear)
    worse: Worse | None = None
    judge: Judge | None = None

    @property
    def is_on(self) -> bool:
        """Whether anything is guided."""
        return self.asked.is_on

    @property
    def scale(self) -> float:
        """Of classifier-free guidance; 1: off."""
        return self.asked.guidance

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """What a classifier tells apart."""
        return None if self.judge is None else self.judge.class_names

    @property
    def is_plain(self) -> bool:
        """Whether it is classifier-free guidance of a scale, off included, and nothing else."""
        plain = self.worse is None and self.judge is None and self.asked.is_everywhere
        return plain and self.rule == Linear()

    def around(self, own: Loaded, found_by: OfLabels, y: Tensor | None) -> Denoiser:
        """Return the guided denoiser.

        Args:
            own: the run.
            found_by: makes denoisers of it, or of its worse version.
            y: labels [b]; None for a network without classes, and without a classifier.
        """
        told = y if own.spec.label_kind.is_told else None
        found, interval = found_by(own, told), self.asked.guidance_interval
        if self.scale != 1.0 and told is not None:
            classless = found_by(own, own.spec.label_kind.without(told))
            found = ClassifierFreeGuidance(found, classless, self.scale, *interval, self.rule)
        elif self.worse is not None:
            found = Autoguidance(found, found_by(self.worse.run, told), self.asked.autoguidance, *interval, self.rule)
        if self.judge is not None and y is not None:
            return ClassifierGuidance(found, self.judge.classify, y, self.asked.classifier_scale, *interval)
        return found

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values that tell it from others; the scale of classifier-free guidance alone where it is."""
        if self.is_plain:
            return {"guidance": self.scale}
        asked = self.asked
        return {
            "guidance": self.scale,
            "autoguidance": [asked.autoguidance, "" if self.worse is None else str(self.worse)],
            "classifier": [asked.classifier_scale, "" if self.judge is None else self.judge.name],
            "guidance_rule": repr(self.rule),
            "guidance_interval": list(map(str, asked.guidance_interval)),
        }

    def __str__(self) -> str:
        """Say what is on, in a line."""
        told: list[str] = []
        if self.scale != 1.0:
            told.append(f"guidance {self.scale:g}")
        if self.worse is not None:
            told.append(f"autoguidance {self.asked.autoguidance:g} from {self.worse}")
        if told and self.rule != Linear():
            told.append(f"by {rule_in_words(self.rule)}")
        if self.judge is not None:
            told.append(f"classifier scale {self.asked.classifier_scale:g} ({self.judge.name})")
        if told and not self.asked.is_everywhere:
            told.append("at noise-to-signal ratios from {:g} to {:g}".format(*self.asked.guidance_interval))
        return ", ".join(told)
