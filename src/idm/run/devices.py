"""Where networks are trained and used, and which places there are."""

import torch

from idm.core.errors import SettingsError
from idm.core.launch import local_rank


def best_device(name: str | None = None) -> torch.device:
    """Return the named device, or the fastest one found: of several GPUs each process of a job has its own.

    Raises:
        SettingsError: no such device here, or fewer GPUs than processes.
    """
    if name is None:
        found = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
        return found if found.type != "cuda" else _own_gpu()
    try:
        return _own_gpu() if name == "cuda" else _tried(torch.empty(0, device=name))
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        here = ", ".join(devices_here())
        raise SettingsError(f"device: one that works here wanted ({here}), got '{name}'") from error


def devices_here() -> list[str]:
    """Name the devices of this machine; of several GPUs the first and the last."""
    found = torch.accelerator.current_accelerator(check_available=True)
    if found is None:
        return ["cpu"]
    count = torch.accelerator.device_count()
    numbered = [f"{found.type}:0 to {found.type}:{count - 1}"] if count > 1 else []
    return ["cpu", found.type, *numbered]


def _own_gpu() -> torch.device:
    number, count = local_rank(), torch.cuda.device_count()
    if 0 < count <= number:
        raise SettingsError(
            f"device: a GPU for each process wanted, got {count} for more than {number}; start fewer processes"
        )
    return _tried(torch.empty(0, device=torch.device("cuda", number)))


def _tried(probe: torch.Tensor) -> torch.device:
    """Return the device of a tensor that can be copied back from it, which one on "meta" cannot."""
    probe.cpu()
    return probe.device
