"""The guidance under which samples were encoded, in a file of latents, and the run that decodes them by the same.

A file says what was asked for, and what that was found to be. It may be a stranger's: no name in it is imported. A
classifier of one's own is given again by whoever decodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar, final

from idm.core.errors import SettingsError
from idm.core.text import shown
from idm.guidance import LevelClassifier
from idm.run.guidable import Guidable
from idm.run.guidance_request import GuidanceRequest, request_of_file
from idm.run.guide import Guide
from idm.run.guide_making import make_guide

LONGEST = 500
"""Characters of what is told of guidance."""

AnyGuidable = TypeVar("AnyGuidable", bound=Guidable)


@final
@dataclass(frozen=True)
class EncodingGuide:
    """Guidance under which samples were encoded.

    Attributes:
        asked: what was asked for, but for a classifier of one's own.
        needs_code: whether there was such a classifier.
        found: what tells it from others, as of ``Guide.to_plain``.
        words: the same for people.
    """

    asked: GuidanceRequest
    needs_code: bool
    found: Mapping[str, Any]
    words: str

    @classmethod
    def of(cls, guide: Guide) -> "EncodingGuide | None":
        """Remember the guidance of a run; None where there is none."""
        if not guide.is_on:
            return None
        asked = replace(guide.asked, classifier=None)
        return cls(asked, guide.asked.has_own_code, guide.to_plain(), str(guide))

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        asked = {**self.asked.to_plain(), "own_code": self.needs_code}
        return {"asked": asked, "found": dict(self.found), "words": self.words}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "EncodingGuide":
        """Read what ``to_plain`` returned.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        asked, needs_code = request_of_file(plain["asked"])
        found, words = plain["found"], plain["words"]
        if not isinstance(found, dict) or not isinstance(words, str) or not words.isprintable():
            raise ValueError("what guided wanted")
        return cls(asked, needs_code, found, words[:LONGEST])

    def run(self, run: AnyGuidable, classifier: LevelClassifier | None) -> AnyGuidable:
        """Return a run guided so, unless it is already; the classifier is one of the caller's own.

        Raises:
            SettingsError: other guidance, or a classifier too few or too many.
            CheckpointError: what is needed is gone, or another's.
        """
        if classifier is None and self.needs_code and not run.guide.is_on:
            raise SettingsError(
                f"classifier: the one of {shown(self.words)} wanted, by which these latents were encoded, got none; "
                "its code runs only where it is named; name it again, classifier=CLASSIFIER"
            )
        if classifier is not None and (run.guide.is_on or not self.needs_code):
            raise SettingsError(
                f"classifier: none wanted beside {'a guided run' if run.guide.is_on else 'these latents'}, got one; "
                "leave it out"
            )
        guided = (
            run if run.guide.is_on else replace(run, guide=make_guide(run, replace(self.asked, classifier=classifier)))
        )
        if guided.guide.to_plain() != self.found:
            raise SettingsError(
                f"guidance: {shown(self.words)} wanted, by which these latents were encoded, got {guided.guide}; "
                "decode them by the same"
            )
        return guided


def run_that_decodes(run: AnyGuidable, guide: EncodingGuide | None, classifier: LevelClassifier | None) -> AnyGuidable:
    """Return the run, guided as latents were encoded.

    Raises:
        SettingsError, CheckpointError: as of ``EncodingGuide.run``; guidance where they were encoded without.
    """
    if guide is not None:
        return guide.run(run, classifier)
    if run.guide.is_on or classifier is not None:
        got = str(run.guide) if run.guide.is_on else "a classifier"
        raise SettingsError(f"guidance: none wanted, as these latents were encoded without, got {got}; leave it out")
    return run
