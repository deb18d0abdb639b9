"""What is done over hours and on disk: training, long jobs in parts, averages made afterwards, imports."""

from idm.tasks.train import train

__all__ = ["train"]
