"""What ``torchrun`` tells a process in its environment."""

import os


def rank() -> int:
    """Return the number of this process among all of a job, from 0; that of a process alone is 0."""
    return int(os.environ.get("RANK", "0")) if num_processes() > 1 else 0


def num_processes() -> int:
    """Return the number of processes of the job."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Return the number of this process on its machine, from 0; that of a process alone is 0."""
    return int(os.environ.get("LOCAL_RANK", "0")) if num_processes() > 1 else 0


def restarts_itself() -> bool:
    """Whether ``torchrun`` starts the processes again when one fails (``--max-restarts``)."""
    return num_processes() > 1 and int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0")) > 0
