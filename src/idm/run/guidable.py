"""A trained model whose samples may be guided, and which is then no density any more."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from torch import Tensor

from idm.core.errors import SettingsError
from idm.diffusion import Clipped, Denoiser, GaussianDiffusion, ModelKwargs
from idm.guidance import LevelClassifier
from idm.run.conditioned import Conditioned
from idm.run.guidance_request import EVERYWHERE, GuidanceRequest
from idm.run.guide import Guide
from idm.run.guide_making import make_guide
from idm.run.label_kind import Label, LabelKind
from idm.run.labelled_fields import kind_of
from idm.run.labels import Labels
from idm.run.loaded import Loaded
from idm.run.residuals import network_denoiser

AnyGuidable = TypeVar("AnyGuidable", bound="Guidable")


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

        Such a run draws, edits and encodes; bounds, error curves and posteriors refuse it, as it is no density. Say
        precision and variance first: ``run.using(...).guided(...)``.

        Args:
            guidance: scale of classifier-free guidance: 1 is off, 0 is told no class, more exaggerates the class.
            autoguidance: scale of guidance by a worse version of the network: 1 is off, 1.5 to 3 are usual.
            autoguidance_from: the worse version: the step of an earlier checkpoint or snapshot, or other weights in the
                run's checkpoint, such as "power-0.05"; by default that nearest to a quarter of its steps.
            classifier_scale: of guidance by a classifier, beside the others: 0 is off.
            classifier: ``classifier(x, level)`` returns logits [b, classes]; by default that of ``train_classifier``.
            guidance_rule: how two predictions are combined, one of ``GUIDANCE_RULES``.
            guidance_interval: smallest and largest noise-to-signal ratio that is guided.
            options: of the rule, such as ``phi=0.7``.

        Raises:
            SettingsError: no such rule, option or interval; both of the first two; what the run was not trained for.
            CheckpointError: what is needed is damaged, or that of another checkpoint.
        """
        of_classifier = (classifier_scale, classifier)
        asked = (guidance, autoguidance, autoguidance_from, *of_classifier, guidance_rule, guidance_interval, options)
        return replace(self, guide=make_guide(self.unguided, GuidanceRequest(*asked)))

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
        return self.in_turn(kind, kind.read(labels), count)

    def labels_of(
        self, asked: Sequence[Label] | None, known: Sequence[Label | None], option: str | None = None
    ) -> Tensor | None:
        """Return the classes of a user's samples, int64 [n], for ``guided_denoiser``; None where there are none.

        Those asked for in turn, else those known, else the number for no class. Arguments as of ``conditioning``.

        Raises:
            SettingsError: a sample without a known class, and a network that knows classes only, or guidance by class.
        """
        by_class = self.guide.asked.is_by_class and self.label_kind.is_told
        if by_class and any(map(self.label_kind.lacks, self.label_kind.laid_over(asked, known))):
            raise SettingsError(
                f"samples: the {self.label_kind.noun} of each wanted, since {self.guide} is guidance by class, got "
                f"none; name it with {option or self.label_kind.option}"
            )
        if by_class and not self.spec.label_kind.is_told:  # the classifier's, of which the network is not told
            return self.drawn_labels(asked or [label for label in known if label is not None], len(known))
        return self.spec.label_kind.told_in(self.conditioning(asked, known, option))

    def guided_denoiser(self, process: GaussianDiffusion, y: Tensor | None) -> Denoiser:
        """Return what finds x_0 of samples of labels y, of ``drawn_labels``; the network itself without guidance."""

        def found_by(run: Loaded, labels: Tensor | None) -> Denoiser:
            given = run.spec.label_kind.given(labels)
            return network_denoiser(process, run.sampling_network, run.network, given, run.spec.shape, clip=False)

        if self.guide.scale != 1.0:
            self.require_guidance(self.guide.scale)
        return self.guide.around(self, found_by, y)

    def require_unguided(self) -> None:
        """Refuse a run that is guided, where its x_0 has to be the mean of x_0 given x.

        Raises:
            SettingsError: it is.
        """
        if self.guide.is_on:
            raise SettingsError(
                f"guidance: a run without it wanted here, got one with {self.guide}, whose predictions are means under "
                "no density, so that bounds, error curves and posteriors of them mean nothing; take run.unguided"
            )

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
        self.require_unguided()
        if guidance == 1.0:
            called = self.sampling_network
            return network_denoiser(process, called, self.network, conditioning, self.spec.shape, clip=clip)
        found = self.guided(guidance).guided_denoiser(process, self.spec.label_kind.told_in(conditioning))
        return Clipped(found) if clip else found
