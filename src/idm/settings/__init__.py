"""What an experiment is: its settings, typed and with defaults, and how files and overrides become them."""

from idm.settings.experiment import Experiment
from idm.settings.files import resolve
from idm.settings.validate import from_plain, to_plain

__all__ = ["Experiment", "from_plain", "resolve", "to_plain"]
