"""One page of a run, or of several side by side: what was trained, what it draws, and what that is worth."""

from idm.tasks.reporting.effort import Effort
from idm.tasks.reporting.request import ReportRequest
from idm.tasks.reporting.section import DATA, HELD_OUT, LOSSES, Need, Section
from idm.tasks.reporting.sections import SECTIONS
from idm.tasks.reporting.subject import Subject
from idm.tasks.reporting.writing import Reported, report_into

__all__ = [
    "DATA",
    "HELD_OUT",
    "LOSSES",
    "SECTIONS",
    "Effort",
    "Need",
    "ReportRequest",
    "Reported",
    "Section",
    "Subject",
    "report_into",
]
