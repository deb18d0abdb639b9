"""What ``torchrun`` tells a process in its environment."""

import os

from idm.core.errors import SettingsError


def rank() -> int:
    """Return the number of this process among all of a job, from 0; that of a process alone is 0."""
    return _number("RANK", 0) if num_processes() > 1 else 0


def num_processes() -> int:
    """Return the number of processes of the job."""
    return _number("WORLD_SIZE", 1)


def local_rank() -> int:
    """Return the number of this process on its machine, from 0; that of a process alone is 0."""
    return _number("LOCAL_RANK", 0) if num_processes() > 1 else 0


def restarts_itself() -> bool:
    """Whether ``torchrun`` starts the processes again when one fails (``--max-restarts``)."""
    return num_processes() > 1 and _number("TORCHELASTIC_MAX_RESTARTS", 0) > 0


def require_address() -> None:
    """Refuse a job whose processes cannot find each other.

    Raises:
        SettingsError: nobody says where the first process is.
    """
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise SettingsError(
            f"WORLD_SIZE={num_processes()}: processes that torchrun starts wanted, got one without "
            f"{', '.join(missing)}; start it with torchrun, or unset WORLD_SIZE"
        )


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    if value and not value.isdecimal():
        raise SettingsError(f"{name}: a number wanted in the environment, got {value[:100]!r}; unset it")
    return int(value or default)
