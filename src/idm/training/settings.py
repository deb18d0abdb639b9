"""Settings of a training run. Progress is counted in completed optimiser steps."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from idm.core.errors import SettingsError


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    "Unless given" is what the command line does with defaults and presets; see ``idm.settings.fitted``.

    Attributes:
        num_steps: optimiser steps in all.
        batch_size: images per step, over all processes; unless given, at most those there are to train on.
        micro_batch_size: images per forward pass of a process; gradients are averaged over the batch. 0: all of its
            share of the batch.
        learning_rate: peak learning rate of AdamW.
        weight_decay: decoupled weight decay of AdamW.
        warmup_steps: steps over which the learning rate rises linearly from 0; unless given, at most a tenth of
            num_steps.
        decay: what the learning rate does after the warm-up: stay, or fall to 0 at num_steps.
        clip_grad_norm: largest norm of the gradient; 0: no clipping.
        ema_rates: different rates of the averaged weights; sampling uses the first. Unless given, they follow
            num_steps: an average looks back on the same share of a run of any length.
        posthoc_sigma_rels: widths of power-function averages, snapshots of which let 'idm ema' make an average of any
            other width after training; two at least, or none to do without.
        snapshot_interval: steps between two snapshots of them; unless given, at most a quarter of num_steps.
        label_dropout: share of labels replaced by "no class", which makes guidance possible.
        mean_steps: steps, before all others, of a second network that learns the mean of samples given their
            conditions, by squared error; the residual is then modelled (CorrDiff, Mardani et al. 2025). 0: none.
        precision: number format inside the network; weights, losses and the chain stay float32. float16, for devices
            without fast bfloat16, scales the loss so that gradients do not vanish.
        shard: what each of several processes holds: all of the network, or with "fsdp2" a part of every tensor.
        compile: translate the network by torch.compile; for long runs on a GPU. Results differ in their last digits,
            so a resumed run must keep it.
        log_interval: steps between two lines of metrics.jsonl; unless given, at most a twentieth of num_steps.
        save_interval: steps between two checkpoints; one is always written at the end. Unless given, at most a quarter
            of num_steps.
        keep_checkpoints: how many of the newest checkpoints to keep; those that are damaged do not count.
        keep_every: also keep the checkpoints whose step is a multiple of this; 0: none for that reason.
        keep_best: number of checkpoints with the smallest held-out bound before them, or with the smallest loss where
            that is not estimated, to keep as well.
        sample_interval: steps between two grids of samples, more where drawing takes more than a twentieth of the time;
            the last step has one too. 0: none at all.
        bound_interval: steps between two estimates of the bound of held-out images, with the averaged weights; 0: none.
        bound_images: how many held-out images such an estimate looks at, at the most.
        memorisation_interval: steps between two looks at whether training samples are told from held-out ones; unless
            given, at most a tenth of num_steps. 0: none. A look is at as many samples, 256 at the most, as take a
            thirtieth of the work of the interval, and there is none where these are fewer than 16.
        best_before_memorisation: whether the keep_best checkpoints are all from before memorisation was seen to begin.
    """

    num_steps: Annotated[int, Ge(1)] = 100_000
    batch_size: Annotated[int, Ge(1), Le(2**20)] = 128
    micro_batch_size: Annotated[int, Ge(0)] = 0
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-4
    weight_decay: Annotated[float, Ge(0)] = 0.0
    warmup_steps: Annotated[int, Ge(0)] = 0
    decay: Literal["constant", "linear", "cosine"] = "constant"
    clip_grad_norm: Annotated[float, Ge(0)] = 1.0
    ema_rates: Annotated[tuple[Annotated[float, Gt(0), Lt(1)], ...], MinLen(1)] = (0.9999,)
    posthoc_sigma_rels: tuple[Annotated[float, Ge(1e-6), Le(0.28)], ...] = (0.05, 0.1)
    snapshot_interval: Annotated[int, Ge(1)] = 5_000
    label_dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    mean_steps: Annotated[int, Ge(0)] = 0
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    shard: Literal["none", "fsdp2"] = "none"
    compile: bool = False
    log_interval: Annotated[int, Ge(1)] = 100
    save_interval: Annotated[int, Ge(1)] = 5_000
    keep_checkpoints: Annotated[int, Ge(2)] = 2
    keep_every: Annotated[int, Ge(0)] = 0
    keep_best: Annotated[int, Ge(0)] = 0
    sample_interval: Annotated[int, Ge(0)] = 5_000
    bound_interval: Annotated[int, Ge(0)] = 5_000
    bound_images: Annotated[int, Ge(1)] = 256
    memorisation_interval: Annotated[int, Ge(0)] = 5_000
    best_before_memorisation: bool = False

    def is_due(self, interval: int, step: int) -> bool:
        """Whether what is done every so many steps, 0 for never, is done after ``step`` steps; at the end it is."""
        return interval > 0 and (step % interval == 0 or step == self.num_steps)

    def snapshot_is_due(self, step: int) -> bool:
        """Whether averages are kept after ``step`` steps; not at the end, where the checkpoint holds them itself."""
        return bool(self.posthoc_sigma_rels) and step % self.snapshot_interval == 0

    def __post_init__(self) -> None:
        """Refuse rates of which two would be kept in one file."""
        if len(set(self.ema_rates)) < len(self.ema_rates):
            rates = list(self.ema_rates)
            raise SettingsError(f"ema_rates: different rates wanted, got {rates}; leave out the repeated ones")
        widths = list(self.posthoc_sigma_rels)
        if len(set(widths)) < len(widths) or len(widths) == 1:
            raise SettingsError(f"posthoc_sigma_rels: two or more different widths wanted, or none, got {widths}")
        if self.mean_steps and self.shard != "none":
            raise SettingsError(f"mean_steps: 0 wanted with shard={self.shard}, got {self.mean_steps}; set shard=none")
