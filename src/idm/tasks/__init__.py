"""What is done over hours and on disk: training, long jobs in parts, averages made afterwards, imports."""

from idm.tasks.checking import check_data
from idm.tasks.choose import make_experiment
from idm.tasks.ema import reconstruct
from idm.tasks.imported import import_weights
from idm.tasks.outcome import losses_of
from idm.tasks.train import train

__all__ = ["check_data", "import_weights", "losses_of", "make_experiment", "reconstruct", "train"]
