"""Memory and time."""

from collections.abc import Sequence
from typing import final

import torch

from idm.core.memory import largest_memory
from idm.report import Block, SideBySide, Table
from idm.tasks.reporting.section import Section
from idm.tasks.reporting.subject import Subject

BYTES_PER_MIB = 2**20


@final
class Cost(Section):
    """What training took, what this page took, and the most memory that this process had until here."""

    heading = "Memory and time"

    def gather(self, subject: Subject) -> Sequence[Block]:
        """Return tables."""
        times = [(what, f"{seconds:.1f} s") for what, seconds in subject.times]
        blocks: list[Block] = [Table(_facts(subject))]
        return [SideBySide([*blocks, *([Table(times, header=("For this page", "Time"))] if times else [])])]


def _facts(subject: Subject) -> list[tuple[str, str]]:
    run, last = subject.run, subject.rows[-1] if subject.rows else {}
    weights = sum(one.numel() * one.element_size() for one in run.network.parameters())
    facts = [("Weights", f"{weights / BYTES_PER_MIB:,.1f} MiB")]
    if "seconds" in last:
        facts.append(("Training", f"{last['seconds']:,.0f} s, {last['step']:,.0f} steps"))
    if "images_per_second" in last:
        facts.append(("Speed of training, at its end", f"{last['images_per_second']:,.0f} samples/s"))
    if run.device.type == "cuda":
        most = torch.cuda.max_memory_allocated(run.device)
        facts.append(("Largest memory of this process on the device", f"{most / BYTES_PER_MIB:,.0f} MiB"))
    facts.append(("Largest memory of this process", f"{largest_memory() / BYTES_PER_MIB:,.0f} MiB"))
    return facts
