"""Every setting of an experiment, typed and with defaults; a checkpoint stores all of them.

A section with a ``family`` is open: its ``name`` chooses a member of that family, and the member's own
parameters are the further keys of the section. In files a section is flat:

    sampler: {name: ddim, steps: 25, eta: 0.3}
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.data import SOURCES
from idm.data.values.ranges import RangeRule, check_rule, rule_in_words
from idm.diffusion import LossType, ModelMeanType, ModelVarType
from idm.networks import NETWORKS
from idm.samplers import SAMPLERS
from idm.schedules import SCHEDULES
from idm.settings.schema import OpenSection
from idm.timesteps import TIMESTEP_SAMPLERS
from idm.training import TrainingSettings

FEW_STEPS = 20
"""Steps up to which multistep solvers on levels evenly in the log SNR are better than any other (docs/samplers.md)."""

FOR_FEW_STEPS = "multistep"
"""The best sampler for them that is known here."""

AUTO = "auto"
"""A range that is chosen by what the data are."""


@dataclass(frozen=True)
class SourceSettings(OpenSection):
    """Where the data come from.

    Attributes:
        name: kind of source.
    """

    family: ClassVar[Registry[Any]] = SOURCES
    section: ClassVar[str] = "data.source"
    given: ClassVar[tuple[str, ...]] = ("trust_code",)
    name: str = "digits"


@dataclass(frozen=True)
class DataSettings:
    """The data and their split.

    Attributes:
        source: where the data come from.
        held_out: share (below 1) or number of images kept out of training, by class where there are labels; of no
            effect where a list or a folder says which.
        held_out_list: keep out the samples that this text file names, one in a line; "": choose by held_out.
        held_out_folder: keep out the files in this folder, relative to that of the data; "": choose by held_out.
        split_seed: seed of the choice and of the order.
        class_conditional: train on the labels, where there are any.
        range: which values become -1 and 1. "type": all levels of 8 and 16 bits, else smallest and largest value;
            "values": the levels found; "percentiles": 0.1 and 99.9; or two numbers. The last two clip what lies beyond.
            "auto": as type, but fewer levels where the data leave whole bits unused.
        standardize: scale continuous data by mean and standard deviation instead of a range.
        random_flip: mirror every second image left to right.
        random_crop: train on windows of this size, at another place in every epoch; others are cut from the centre;
            0: no cropping.
        workers: processes that read data which are not kept in memory; 0: a thread of this process.
        timeout: seconds that the reading of a batch may take before new processes try again, or the run ends.
    """

    source: SourceSettings = field(default_factory=SourceSettings)
    held_out: Annotated[int | float, Ge(0)] = 0.1
    held_out_list: str = ""
    held_out_folder: str = ""
    split_seed: int = 0
    class_conditional: bool = True
    range: RangeRule = "auto"
    standardize: bool = False
    random_flip: bool = False
    random_crop: Annotated[int, Ge(0)] = 0
    workers: Annotated[int, Ge(0), Le(256)] = 0
    timeout: Annotated[float, Gt(0)] = 25.0

    def __post_init__(self) -> None:
        """Refuse two ways to say one thing, and a range that has none.

        Raises:
            SettingsError: as said.
        """
        check_rule(self.range)
        if self.standardize and self.range not in (AUTO, "type"):
            raise SettingsError(
                f"range: {AUTO} wanted where standardize=true scales the data, got {rule_in_words(self.range)}; "
                "leave out one of them"
            )
        if self.held_out_list and self.held_out_folder:
            raise SettingsError(
                "held_out_list: a list or a folder wanted, got both; leave out held_out_list or held_out_folder"
            )


@dataclass(frozen=True)
class ScheduleSettings(OpenSection):
    """Noise levels of the chain.

    Attributes:
        name: kind of schedule: "cosine" suits most data; "linear" is that of DDPM, for large pictures;
            "flow" the straight path of flow matching, with prediction=velocity or v.
        noise_floor: drop the steps whose noise level is below this; "auto": half a bin of quantised data.
    """

    family: ClassVar[Registry[Any]] = SCHEDULES
    section: ClassVar[str] = "schedule"
    name: str = "cosine"
    noise_floor: Annotated[float, Ge(0), Lt(1)] | Literal["auto"] = "auto"


@dataclass(frozen=True)
class DiffusionSettings:
    """What the network predicts and how it is scored.

    Attributes:
        prediction: what the network's first head means: "v" suits most, in few steps too; "epsilon" is that of DDPM,
            with a slightly better bound after long training; "start_x" the data; "velocity" that of flow matching, for
            schedule=flow; "edm" scales input and output by the deviation of the data, with timesteps=log_normal as in
            Karras et al. 2022; "previous_x" only for the chain it was trained on.
        sigma_data: standard deviation of the data in the model's range, for "edm"; "auto": measured from those that are
            trained on.
        variance: variance of a reverse step.
        loss: how squared error and bound add up.
        rescale_timesteps: show the network times in [0, 1000) whatever the number of steps.
        decoder_variance: variance of the last step: the model's own, or fitted to the training data.
        weighting: how much the squared error of a noise level counts: "uniform" as the network predicts it; "min_snr"
            learns all levels alike, in fewer steps; "p2" and "sigmoid" favour high noise, for large pictures; "edm" is
            that of Karras et al. 2022, of which prediction=edm has no need. A loss that is the bound alone has none.
    """

    prediction: ModelMeanType = ModelMeanType.EPSILON
    sigma_data: Annotated[float, Gt(0)] | Literal["auto"] = "auto"
    variance: ModelVarType = ModelVarType.LEARNED_RANGE
    loss: LossType = LossType.RESCALED_MSE
    rescale_timesteps: bool = True
    decoder_variance: Literal["fitted", "model"] = "fitted"
    weighting: Literal["uniform", "min_snr", "p2", "sigmoid", "edm"] = "uniform"

    def __post_init__(self) -> None:
        """Refuse weights of a squared error that the loss does not have, and what does not suit the prediction.

        Raises:
            SettingsError: as said.
        """
        if self.sigma_data != AUTO and not self.uses_sigma_data:
            raise SettingsError(
                f"sigma_data: {AUTO} wanted where neither prediction nor weighting is edm, got {self.sigma_data}; set "
                f"sigma_data={AUTO}"
            )
        if self.weighting != "uniform" and self.prediction is ModelMeanType.PREVIOUS_X:
            raise SettingsError(
                f"weighting: uniform wanted with prediction=previous_x, which is of two levels, got {self.weighting}; "
                "set prediction=v"
            )
        if self.weighting == "edm" and self.prediction is ModelMeanType.EPSILON:  # 4 kappa^2 + 1, up to 1e9
            raise SettingsError(
                "weighting: another than edm wanted with prediction=epsilon, on which it grows with the noise without "
                "end; set prediction=v"
            )
        if self.weighting != "uniform" and not self.loss.value.regression:
            raise SettingsError(
                f"weighting: uniform wanted with loss={self.loss.name.lower()}, which has no squared error, "
                f"got {self.weighting}; set loss=rescaled_mse or leave it out"
            )

    @property
    def uses_sigma_data(self) -> bool:
        """Whether the deviation of the data plays a part."""
        return ModelMeanType.EDM is self.prediction or self.weighting == "edm"


@dataclass(frozen=True)
class NetworkSettings(OpenSection):
    """The network.

    Attributes:
        name: kind of network.
    """

    family: ClassVar[Registry[Any]] = NETWORKS
    section: ClassVar[str] = "network"
    given: ClassVar[tuple[str, ...]] = ("in_channels", "out_channels", "num_classes", "dims", "trust_code")
    name: str = "unet"


@dataclass(frozen=True)
class TimestepSettings(OpenSection):
    """Which steps are trained on.

    Attributes:
        name: kind of timestep sampler: "uniform" suits most; "loss_second_moment" is for loss=rescaled_kl, the bound
            alone; the others change how much levels count, unless importance=true: "logit_normal" favours the middle of
            the path, for schedule=flow; "log_normal" little noise, for prediction=edm; "log_snr_uniform" every doubling
            of noise alike.
    """

    family: ClassVar[Registry[Any]] = TIMESTEP_SAMPLERS
    section: ClassVar[str] = "timesteps"
    given: ClassVar[tuple[str, ...]] = ("num_timesteps", "grid")
    name: str = "uniform"


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
        """Return the settings that so many steps are taken with, where neither sampler nor spacing is named.

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


@dataclass(frozen=True)
class Experiment:
    """Everything that defines a run, besides the data themselves.

    Attributes:
        seed: seed of every random draw of training.
        data: the data and their split.
        schedule: noise levels of the chain.
        diffusion: what the network predicts and how it is scored.
        network: the network.
        timesteps: which steps are trained on.
        training: how the network is trained.
        sampler: how samples are drawn, unless asked for otherwise.
    """

    seed: int = 0
    data: DataSettings = field(default_factory=DataSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    diffusion: DiffusionSettings = field(default_factory=DiffusionSettings)
    network: NetworkSettings = field(default_factory=NetworkSettings)
    timesteps: TimestepSettings = field(default_factory=TimestepSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    sampler: SamplerSettings = field(default_factory=SamplerSettings)
