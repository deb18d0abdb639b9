"""What is done over hours and on disk: training, long jobs in parts, averages made afterwards, imports.

Names are imported when they are first used, so that what reads a run's files alone needs no torch.
"""

from typing import TYPE_CHECKING

from idm.core.lazy import importing

if TYPE_CHECKING:
    from idm.tasks.checking import check_data
    from idm.tasks.choose import make_experiment
    from idm.tasks.comparing import compare_into
    from idm.tasks.describing import describe
    from idm.tasks.edit_requests import EditRequest, EncodeRequest, InterpolateRequest
    from idm.tasks.editing import decode_into, encode_into, interpolate_into
    from idm.tasks.ema import reconstruct
    from idm.tasks.evaluating import evaluate_into
    from idm.tasks.evaluating_sets import evaluate_sets_into
    from idm.tasks.imported import import_weights
    from idm.tasks.opened_sets import SetsRequest
    from idm.tasks.outcome import losses_of
    from idm.tasks.progress import read_progress
    from idm.tasks.proving import check_math
    from idm.tasks.reporting import ReportRequest, report_into
    from idm.tasks.requests import (
        CompareRequest,
        RestoreRequest,
        SampleRequest,
        ScoreRequest,
        TradeoffRequest,
    )
    from idm.tasks.restoring import edit_into, restore_into
    from idm.tasks.sample_sets import evaluate_samples, evaluate_samples_into
    from idm.tasks.sampling import sample_into
    from idm.tasks.tradeoff import tradeoff_into
    from idm.tasks.training import train
    from idm.tasks.verifying import verify

__all__ = [
    "CompareRequest",
    "EditRequest",
    "EncodeRequest",
    "InterpolateRequest",
    "ReportRequest",
    "RestoreRequest",
    "SampleRequest",
    "ScoreRequest",
    "SetsRequest",
    "TradeoffRequest",
    "check_data",
    "check_math",
    "compare_into",
    "decode_into",
    "describe",
    "edit_into",
    "encode_into",
    "evaluate_into",
    "evaluate_samples",
    "evaluate_samples_into",
    "evaluate_sets_into",
    "import_weights",
    "interpolate_into",
    "losses_of",
    "make_experiment",
    "read_progress",
    "reconstruct",
    "report_into",
    "restore_into",
    "sample_into",
    "tradeoff_into",
    "train",
    "verify",
]

__getattr__ = importing(
    __name__,
    {
        "idm.tasks.checking": ("check_data",),
        "idm.tasks.choose": ("make_experiment",),
        "idm.tasks.comparing": ("compare_into",),
        "idm.tasks.describing": ("describe",),
        "idm.tasks.editing": ("decode_into", "encode_into", "interpolate_into"),
        "idm.tasks.edit_requests": ("EditRequest", "EncodeRequest", "InterpolateRequest"),
        "idm.tasks.ema": ("reconstruct",),
        "idm.tasks.evaluating": ("evaluate_into",),
        "idm.tasks.evaluating_sets": ("evaluate_sets_into",),
        "idm.tasks.imported": ("import_weights",),
        "idm.tasks.outcome": ("losses_of",),
        "idm.tasks.progress": ("read_progress",),
        "idm.tasks.proving": ("check_math",),
        "idm.tasks.opened_sets": ("SetsRequest",),
        "idm.tasks.reporting": ("ReportRequest", "report_into"),
        "idm.tasks.requests": (
            "CompareRequest",
            "RestoreRequest",
            "SampleRequest",
            "ScoreRequest",
            "TradeoffRequest",
        ),
        "idm.tasks.restoring": ("edit_into", "restore_into"),
        "idm.tasks.sample_sets": ("evaluate_samples", "evaluate_samples_into"),
        "idm.tasks.sampling": ("sample_into",),
        "idm.tasks.tradeoff": ("tradeoff_into",),
        "idm.tasks.training": ("train",),
        "idm.tasks.verifying": ("verify",),
    },
)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
