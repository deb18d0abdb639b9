"""What is done over hours and on disk: training, long jobs in parts, averages made afterwards, imports."""

from idm.tasks.checking import check_data
from idm.tasks.choose import make_experiment
from idm.tasks.editing import decode_into, encode_into, interpolate_into
from idm.tasks.ema import reconstruct
from idm.tasks.evaluating import evaluate_into
from idm.tasks.imported import import_weights
from idm.tasks.outcome import losses_of
from idm.tasks.requests import SampleRequest, ScoreRequest
from idm.tasks.sampling import sample_into
from idm.tasks.train import train

__all__ = [
    "SampleRequest",
    "ScoreRequest",
    "check_data",
    "decode_into",
    "encode_into",
    "evaluate_into",
    "import_weights",
    "interpolate_into",
    "losses_of",
    "make_experiment",
    "reconstruct",
    "sample_into",
    "train",
]
