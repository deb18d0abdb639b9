"""Settings of the sampler, which is another one where few steps are asked for and nobody named one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.samplers import SAMPLERS
from idm.settings.options import SamplerOptions
from idm.settings.schema import DEFAULTS, OpenSection

FEW_STEPS = 20
"""Steps up to which multistep solvers on levels evenly in the log SNR are better than any other (docs/samplers.md)."""

FOR_FEW_STEPS = "multistep"
"""The best sampler for them that is known here."""


@dataclass(frozen=True)
class SamplerSettings(OpenSection):
    """How samples are drawn.

    Attributes:
        name: kind of sampler.
        steps: how many steps of the chain to take; 0: all of them.
        spacing: how those steps are chosen.
        few_steps: sampler for at most 20 steps, with the spacing it is made for, where only the number of steps is
            said; "": multistep, but of another name than ddim, and where files or commands give a name, the same.
    """

    family: ClassVar[Registry[Any]] = SAMPLERS
    section: ClassVar[str] = "sampler"
    given: ClassVar[tuple[str, ...]] = ("diffusion", "denoised_fn")
    name: str = "ddim"
    options: SamplerOptions = DEFAULTS
    steps: Annotated[int, Ge(0)] = 50
    spacing: Literal["linspace", "leading", "trailing", "log_snr", "rho"] = "linspace"
    few_steps: str = ""

    def __post_init__(self) -> None:
        """Choose the sampler for few steps where nobody did, and refuse one that there is not.

        Raises:
            SettingsError: as said.
        """
        super().__post_init__()
        if not self.few_steps:
            object.__setattr__(self, "few_steps", FOR_FEW_STEPS if self.name == type(self).name else self.name)
        if self.few_steps not in self.family:
            raise SettingsError(f"few_steps: one of {', '.join(self.family)} wanted, got {self.few_steps}")

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Somebody who names a sampler means it for any number of steps."""
        return {"few_steps": given["name"], **given} if "name" in given else given

    def for_its_steps(self, said: Collection[str] = ()) -> "SamplerSettings":
        """Return the settings that its number of steps is taken with, where neither sampler nor spacing is named.

        Options that the sampler for few steps does not have were chosen for another one, which then stays.

        Args:
            said: names of options that were given, whatever their values.
        """
        fits = {*self.not_default, *said} <= self.family.options(self.few_steps).keys()
        if not (0 < self.steps <= FEW_STEPS and fits) or self.few_steps == self.name:
            return self
        return replace(self, name=self.few_steps, options=self.not_default).with_usual_spacing()

    def with_usual_spacing(self) -> "SamplerSettings":
        """Return the settings with the spacing that the sampler is made for, if there is one."""
        return replace(self, spacing=getattr(self.family[self.name], "usual_spacing", "") or self.spacing)
