"""What was measured on what: processor, card, versions."""

import platform
from pathlib import Path

import torch

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16", "sve_bf16"}
"""Features of x86 and ARM processors that multiply bfloat16 natively."""


def describe_machine() -> dict[str, str]:
    """Name the processor, its threads, the card, and the versions of Python and torch."""
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "processor": _cpuinfo("model name") or platform.processor() or platform.machine(),
        "threads": str(torch.get_num_threads()),
        "native bfloat16": "yes" if has_native_bfloat16() else "no",
        "gpu": card,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def has_native_bfloat16() -> bool:
    """Whether the processor has instructions for products of bfloat16; without them that format is no faster."""
    flags = _cpuinfo("flags") or _cpuinfo("Features")
    return not BFLOAT16_FLAGS.isdisjoint(flags.split())


def _cpuinfo(name: str) -> str:
    """Value of the first line of that name in /proc/cpuinfo; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
