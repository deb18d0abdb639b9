"""Making the guidance of a run of what is asked for: the rule, the other network, the classifier."""

from dataclasses import replace

import torch

from idm.core.errors import SettingsError
from idm.guidance import LevelClassifier
from idm.guidance.classifier import checked_logits
from idm.run.classifier import stored_classifier
from idm.run.conditioned import Conditioned
from idm.run.guidance_request import GuidanceRequest
from idm.run.guide import Guide, Judge
from idm.run.versions import worse_version


def make_guide(run: Conditioned, asked: GuidanceRequest) -> Guide:
    """Return the guidance of a run that is not guided yet; errors as of ``Run.guided``."""
    asked = asked.checked()
    if asked.guidance != 1.0:
        run.require_guidance(asked.guidance)
    rule, worse = asked.rule(), None
    if asked.autoguidance != 1.0:
        named = asked.autoguidance_from
        worse = worse_version(run, None if named is None else str(named))
        asked = replace(asked, autoguidance_from=worse.asked)  # the same again, whatever is kept besides by then
    return Guide(asked, rule, worse, None if asked.classifier_scale == 0.0 else _judge(run, asked.classifier))


def _judge(run: Conditioned, classifier: LevelClassifier | None) -> Judge:
    """Return a classifier of the caller's own, or the run's.

    Raises:
        SettingsError: a run whose labels are numbers.
    """
    run.require_classes_alone("classifier_scale")
    if classifier is None:
        own = stored_classifier(run)
        return Judge(own, own.class_names, own.name)
    return Judge(classifier, _classes_of(run, classifier), getattr(classifier, "name", "of one's own"))


def _classes_of(run: Conditioned, classifier: LevelClassifier) -> tuple[str, ...]:
    """Return the names of the classes of a caller's classifier: the network's, or numbers.

    Raises:
        SettingsError: another number of classes than the network has, or no logits.
    """
    with torch.enable_grad():
        x = torch.zeros(1, *run.spec.shape, device=run.device, requires_grad=True)
        count = checked_logits(classifier(x, run.diffusion.grid.level(0, x)), 1).shape[1]
    if run.spec.class_names is None:
        return tuple(map(str, range(count)))
    if count != len(run.spec.class_names):
        raise SettingsError(
            f"logits: one of each of the {len(run.spec.class_names)} classes of the run wanted of its classifier, "
            f"got {count}; give one for these classes"
        )
    return run.spec.class_names
