"""A way to draw samples that is compared with others: a sampler, its grid and the variance of its steps."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from idm.core.errors import CheckpointError, SettingsError
from idm.core.text import counted
from idm.run.drawing import require_sampler
from idm.run.opened import Opened
from idm.samplers import Sampler


@dataclass(frozen=True)
class Way:
    """A sampler, its grid and the variance of its steps.

    Attributes:
        sampler: name of the sampler.
        spacing: name of the grid; "": the one that the sampler is made for, or the run's own.
        variance: of reverse steps, one of those of ``Run.using``.
    """

    sampler: str
    spacing: str = ""
    variance: str = "model"

    @classmethod
    def read(cls, text: str) -> "Way":
        """Read NAME, NAME:SPACING or NAME:SPACING:VARIANCE.

        Raises:
            SettingsError: something else.
        """
        parts = str(text).split(":")
        if not parts[0] or len(parts) > 3:
            raise SettingsError(
                f"samplers: NAME, NAME:SPACING or NAME:SPACING:VARIANCE wanted, such as ddim:linspace, got {text!r}"
            )
        return cls(*parts)

    def __str__(self) -> str:
        """The text that it was read from."""
        return ":".join([self.sampler, self.spacing, *([] if self.variance == "model" else [self.variance])]).rstrip(
            ":"
        )

    def on(self, run: Opened, calls: int) -> Sampler:
        """Return the sampler of a run with that variance, with as many steps as that many calls are enough for.

        Raises:
            SettingsError: a name that is none, more calls than the run has steps for, a variance that is not used, or a
                solver that was fitted under guidance.
            CheckpointError: a solver of another checkpoint, or a damaged one.
        """
        named: dict[str, Any] = {"name": self.sampler, **({"spacing": self.spacing} if self.spacing else {})}
        most = run.diffusion.num_timesteps
        with self._named(calls):
            steps, sampler = min(calls, most), run.sampler(steps=min(calls, most), **named)
            while sampler.num_calls > calls and steps > 1:
                steps -= max(1, (sampler.num_calls - calls) // 2)
                sampler = run.sampler(steps=steps, **named)
        of_a_step = -(-sampler.num_calls // steps)
        if steps == most and calls >= sampler.num_calls + of_a_step:
            raise SettingsError(
                f"calls: at most {sampler.num_calls + of_a_step - 1:,} wanted with {self}, as this run has {most:,} "
                f"steps, got {calls:,}"
            )
        if self.variance != "model" and not sampler.uses_variance:
            raise SettingsError(
                f"samplers: a variance where one plays a part wanted, as in ddpm:linspace:{self.variance}, got {self}, "
                f"{sampler.why_no_variance}"
            )
        with self._named(calls):
            require_sampler(run, sampler)
        return sampler

    @contextmanager
    def _named(self, calls: int) -> Generator[None]:
        """Say in refusals which of the samplers, in how many calls, is meant: its settings are no options here."""
        try:
            yield
        except (SettingsError, CheckpointError) as error:
            raise type(error)(
                *(f"samplers: {self} in {counted(calls, 'call')}: {line}" for line in error.lines)
            ) from error
