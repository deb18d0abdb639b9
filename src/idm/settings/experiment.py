"""Every setting of an experiment, typed and with defaults; a checkpoint stores all of them.

A section with a ``family`` is open: its ``name`` chooses a member of that family, and the member's own
parameters are the further keys of the section. In files a section is flat:

    sampler: {name: ddim, steps: 25, eta: 0.3}
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Lt

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.diffusion import LossType, ModelMeanType, ModelVarType
from idm.networks import NETWORKS
from idm.schedules import SCHEDULES
from idm.settings.condition import ConditionSettings
from idm.settings.data import AUTO, DataSettings, SourceSettings
from idm.settings.options import NetworkOptions, ScheduleOptions, TimestepOptions
from idm.settings.sampler import SamplerSettings
from idm.settings.schema import DEFAULTS, OpenSection
from idm.timesteps import TIMESTEP_SAMPLERS
from idm.training import TrainingSettings


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
    options: ScheduleOptions = DEFAULTS
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
    given: ClassVar[tuple[str, ...]] = (
        "in_channels",
        "out_channels",
        "num_classes",
        "num_attributes",
        "condition_channels",
        "dims",
        "trust_code",
    )
    name: str = "unet"
    options: NetworkOptions = DEFAULTS


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
    options: TimestepOptions = DEFAULTS


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


OPEN_SECTIONS = (
    SourceSettings,
    ConditionSettings,
    ScheduleSettings,
    NetworkSettings,
    TimestepSettings,
    SamplerSettings,
)
"""The sections whose name chooses a member of a family."""
