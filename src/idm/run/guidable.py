"""A trained model whose samples may be guided, and which is then no density any more."""

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import Clipped, Denoiser, GaussianDiffusion, ModelKwargs
from idm.guidance import LevelClassifier, Linear
from idm.guidance.classifier import checked_logits
from idm.run.classifier import stored_classifier
from idm.run.conditioned import Conditioned
from idm.run.guidance_rules import rule_of
from idm.run.guide import Guide, require_finite_scale, require_interval
from idm.run.label_kinds import LabelKind, kind_of
from idm.run.labels import Labels
from idm.run.loaded import Loaded
from idm.run.versions import worse_version

AnyGuidable = TypeVar("AnyGuidable", bound="Guidable")
EVERYWHERE = (0.0, math.inf)
"""Noise-to-signal ratios of all levels."""


@dataclass(frozen=True, eq=False, repr=False)
class Guidable(Conditioned):
    """The part of a ``Run`` that guides.

    Attributes:
        guide: how samples are guided.
    """

    guide: Guide = Guide()  # noqa: RUF009 (immutable)

    def guided(
        self: AnyGuidable,
        guidance: float = 1.0,
        *,
        autoguidance: float = 1.0,
        autoguidance_from: str | int | None = None,
        classifier_scale: float = 0.0,
        classifier: LevelClassifier | None = None,
        guidance_rule: str = "linear",
        guidance_interval: tuple[float, float] = EVERYWHERE,
        **options: Any,
    ) -> AnyGuidable:
        """Return the same run, its samples guided so: ``run.guided(2.0, guidance_rule="apg").sample(64)``.

        Such a run draws samples. Bounds, error curves, latents and all else that takes its network for that of a
        density refuse it. Say precision and variance first: ``run.using(...).guided(...)``.

        Args:
            guidance: scale of classifier-free guidance: 1 is off, 0 is told no class, more exaggerates the class.
            autoguidance: scale of guidance by a worse version of the network: 1 is off, 1.5 to 3 are usual.
            autoguidance_from: the worse version: the step of an earlier checkpoint or snapshot, or other weights in the
                run's checkpoint, such as "network" or "power-0.05"; by default that nearest to a quarter of its steps.
            classifier_scale: of guidance by a classifier, beside the others: 0 is off.
            classifier: called as ``classifier(x, level)``, returns logits [b, classes] of noisy data; by default the
                one that ``train_classifier`` trained.
            guidance_rule: how two predictions are combined, one of ``GUIDANCE_RULES``.
            guidance_interval: smallest and largest noise-to-signal ratio that is guided.
            options: of the rule, such as ``phi=0.7``.

        Raises:
            SettingsError: no such rule, option or interval; both of the first two; a network that was not trained for
                it; no earlier weights, or no classifier.
            CheckpointError: what is needed is damaged, or that of another checkpoint.
        """
        scales = {"guidance": guidance, "autoguidance": autoguidance, "classifier_scale": classifier_scale}
        for name, scale in scales.items():
            require_finite_scale(scale, name)
        if guidance != 1.0:
            self.require_guidance(guidance)
        if guidance != 1.0 and autoguidance != 1.0:
            raise SettingsError(
                f"autoguidance: guidance=1 wanted beside it, got {guidance:g}; both push away from a worse prediction, "
                "choose one of them"
            )
        require_interval(guidance_interval)
        rule = rule_of(guidance_rule, options)
        if guidance == autoguidance == 1.0 and rule != Linear():
            raise SettingsError(
                f"guidance_rule: guidance or autoguidance wanted beside {guidance_rule}, such as guidance=2"
            )
        if guidance == autoguidance == 1.0 and classifier_scale == 0.0 and guidance_interval != EVERYWHERE:
            raise SettingsError("guidance_interval: what is guided wanted beside it, such as guidance=2, got no scale")
        worse, words = self._worse(autoguidance, autoguidance_from)
        judge, names, judge_in_words = self._judge(classifier_scale, classifier)
        guide = Guide(
            guidance, autoguidance, worse, words, classifier_scale, judge, names, judge_in_words, rule,
            guidance_interval,
        )  # fmt: skip
        return replace(self, guide=guide)

    @property
    def unguided(self: AnyGuidable) -> AnyGuidable:
        """The run without guidance."""
        return replace(self, guide=Guide()) if self.guide.is_on else self

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes that samples may be drawn of: the network's, else the classifier's; None: none."""
        return self.guide.class_names if self.spec.class_names is None else self.spec.class_names

    @property
    def label_kind(self) -> LabelKind:
        """What samples may be drawn of: what the network is told, else the classes of the classifier."""
        own = self.spec.label_kind
        return own if own.is_told else kind_of(self.guide.class_names)

    def drawn_labels(self, labels: Labels | None, count: int) -> Tensor | None:
        """Return labels of ``count`` samples, [count] or [count, k]; None where nothing is told any.

        Raises:
            SettingsError: a label that is no class.
        """
        kind = self.label_kind
        chosen = kind.read(labels)
        values = kind.every() if chosen is None else chosen
        if not kind.is_told:
            return None
        return kind.tensor([values[i % len(values)] for i in range(count)]).to(self.device)

    def guided_denoiser(self, process: GaussianDiffusion, y: Tensor | None) -> Denoiser:
        """Return what draws samples of the labels y, from ``drawn_labels``; the network itself without guidance."""

        def found_by(run: Loaded, labels: Tensor | None) -> Denoiser:
            given = {} if labels is None else {"y": labels}
            return process.denoiser(run.model, conditioning=given, clip=False)

        null = None if self.guide.scale == 1.0 else self.require_guidance(self.guide.scale)
        return self.guide.around(self, found_by, y, null)

    def denoiser(
        self, process: GaussianDiffusion, conditioning: ModelKwargs, *, clip: bool = False, guidance: float = 1.0
    ) -> Denoiser:
        """Return what the network finds on a process's levels.

        Args:
            process: the run's own, or the same on other levels.
            conditioning: from ``label_kwargs`` or ``unlabelled_kwargs``.
            clip: clamp x_0 to [-1, 1].
            guidance: scale of classifier-free guidance; 1 is off.

        Raises:
            SettingsError: guidance of a network that was trained without label dropout, or without labels; a run that
                is guided already.
        """
        if self.guide.is_on:
            raise SettingsError(
                f"guidance: a run without it wanted here, got one with {self.guide}, whose predictions are means under "
                "no density, so that bounds, error curves, latents and posteriors of them mean nothing; take "
                "run.unguided"
            )
        if guidance == 1.0:
            return process.denoiser(self.model, conditioning=conditioning, clip=clip)
        found = self.guided(guidance).guided_denoiser(process, conditioning.get("y"))
        return Clipped(found) if clip else found

    def _worse(self, scale: float, asked: str | int | None) -> tuple[Loaded | None, str]:
        if scale == 1.0:
            if asked is not None:
                raise SettingsError(f"autoguidance: a scale wanted beside autoguidance_from={asked}, such as 1.5")
            return None, ""
        return worse_version(self.unguided, None if asked is None else str(asked))

    def _judge(
        self, scale: float, classifier: LevelClassifier | None
    ) -> tuple[LevelClassifier | None, tuple[str, ...] | None, str]:
        """Return the classifier, the names of its classes, and what tells it from others."""
        if scale == 0.0:
            if classifier is not None:
                raise SettingsError("classifier_scale: a scale wanted beside a classifier, such as 1, got 0")
            return None, None, ""
        if classifier is None:
            own = stored_classifier(self)
            return own, own.class_names, own.name
        return classifier, self._classes_of(classifier), getattr(classifier, "name", "of one's own")

    def _classes_of(self, classifier: LevelClassifier) -> tuple[str, ...]:
        """Return the names of the classes of a caller's classifier: the network's, or numbers.

        Raises:
            SettingsError: another number of classes than the network has, or no logits.
        """
        with torch.enable_grad():
            x = torch.zeros(1, *self.spec.shape, device=self.device, requires_grad=True)
            count = checked_logits(classifier(x, self.diffusion.grid.level(0, x)), 1).shape[1]
        if self.spec.class_names is None:
            return tuple(map(str, range(count)))
        if count != len(self.spec.class_names):
            raise SettingsError(
                f"logits: one of each of the {len(self.spec.class_names)} classes of the run wanted of its classifier, "
                f"got {count}; give one for these classes"
            )
        return self.spec.class_names
