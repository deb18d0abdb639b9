"""What processes that tests fork would import each for itself, in a second or two: imported here once.

A module of tests that forks imports torch from here, and has all of it.
"""

import matplotlib.backends.backend_agg
import matplotlib.figure
import sklearn.datasets
import sklearn.svm
import torch._dynamo  # by the first optimiser of a process
import torch.distributed.fsdp

__all__ = ["matplotlib", "sklearn", "torch"]
