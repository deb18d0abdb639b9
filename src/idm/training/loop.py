"""The training loop: steps, averages, metrics, checkpoints; re-running it continues the run in its folder."""

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from idm.core.errors import InterruptedRunError, NumericalError
from idm.core.progress import progress
from idm.training.checkpoint import Checkpoint, Json, latest_checkpoint, save_checkpoint
from idm.training.ema import ExponentialMovingAverage
from idm.training.learning_rate import learning_rate
from idm.training.meter import LossMeter, MetricsFile
from idm.training.optimizer import load_optimizer_state, make_optimizer, optimizer_state
from idm.training.settings import TrainingSettings
from idm.training.signals import StopRequest, stop_on_signals
from idm.training.step import TrainStep, gradient_norm

Describe = Callable[[nn.Module], dict[str, Json]]
"""Given the averaged network: the documents that a checkpoint holds beside the state of training."""
Preview = Callable[[int, nn.Module], None]
"""Given the step and the averaged network: whatever shall be shown of it."""


class Trainer:
    """Trains a network in a run folder.

    The folder holds ``checkpoints/`` and ``metrics.jsonl``. All state is in the checkpoint; every random draw
    is a function of (seed, step), so a resumed run equals an uninterrupted one.
    """

    def __init__(
        self,
        network: nn.Module,
        step: TrainStep,
        settings: TrainingSettings,
        run: Path,
        *,
        describe: Describe,
        preview: Preview | None = None,
        show_progress: bool = True,
    ) -> None:
        """Take over from the newest checkpoint in ``run``, if there is one."""
        self.network, self.train_step, self.settings, self.run_folder = network, step, settings, run
        self.describe, self.preview, self.show_progress = describe, preview, show_progress
        self.optimizer = make_optimizer(network, settings)
        self.ema = ExponentialMovingAverage(network, settings.ema_rates)
        self.num_steps_done, self.seconds, metrics_length = 0, 0.0, 0
        if (found := latest_checkpoint(run)) is not None:
            metrics_length = self._restore(found)
        self.metrics = MetricsFile(run / "metrics.jsonl", metrics_length)

    def run(self) -> Checkpoint:
        """Train up to ``num_steps`` and return the final checkpoint.

        Raises:
            InterruptedRunError: stopped on request; the state is saved.
            NumericalError: the loss is not finite.
        """
        settings = self.settings
        meter = LossMeter(self.train_step.diffusion.num_timesteps, self.train_step.device)
        self.network.train()
        label = f"training {self.run_folder}"
        with (
            stop_on_signals() as stop,
            progress(label, settings.num_steps, done=self.num_steps_done, enabled=self.show_progress) as bar,
        ):
            logged_step, logged_time = self.num_steps_done, time.monotonic()
            while self.num_steps_done < settings.num_steps:
                norm = self._update(meter)
                status = ""
                if self._due(settings.log_interval):
                    now = time.monotonic()
                    steps, elapsed = self.num_steps_done - logged_step, now - logged_time
                    self.seconds += elapsed
                    status = self._log(meter.read(), float(norm), steps * settings.batch_size / elapsed)
                    logged_step, logged_time = self.num_steps_done, now
                bar.advance(status=status)
                self._save_and_show(stop)
        return self._last_checkpoint()

    def _update(self, meter: LossMeter) -> torch.Tensor:
        step = self.num_steps_done
        self.train_step.accumulate_gradients(step, meter)
        norm = gradient_norm(self.network, self.settings.clip_grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, step)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update()
        self.num_steps_done += 1
        return norm

    def _due(self, interval: int) -> bool:
        return self.num_steps_done % interval == 0 or self.num_steps_done == self.settings.num_steps

    def _log(self, means: dict[str, float], norm: float, images_per_second: float) -> str:
        if not math.isfinite(means["loss"]):
            raise NumericalError(
                f"training: the loss is {means['loss']} at step {self.num_steps_done:,}; "
                "start a new run with a lower training.learning_rate"
            )
        row: dict[str, Any] = {
            "step": self.num_steps_done,
            "images": self.num_steps_done * self.settings.batch_size,
            **means,
            "grad_norm": norm,
            "learning_rate": learning_rate(self.settings, self.num_steps_done - 1),
            "images_per_second": round(images_per_second, 2),
            "seconds": round(self.seconds, 2),
        }
        self.metrics.append(row)
        return f"loss {means['loss']:.4f}, {images_per_second:,.0f} images/s"

    def _save_and_show(self, stop: StopRequest) -> None:
        settings = self.settings
        saved = self._due(settings.save_interval)
        if saved:
            self.save()
        last = self.num_steps_done == settings.num_steps
        if self.preview is not None and (last or (settings.sample_interval and self._due(settings.sample_interval))):
            self.preview(self.num_steps_done, self.averaged_network())
        if stop.received and not last:
            if not saved:
                self.save()
            raise InterruptedRunError(
                f"training: stopped at step {self.num_steps_done:,} of {settings.num_steps:,}, "
                f"saved in {self.run_folder}; run the same command to continue"
            )

    def averaged_network(self) -> nn.Module:
        """Return a copy of the network with the first average's weights, for evaluation."""
        network = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.ema.copy_to(network)
        return network

    def save(self) -> Checkpoint:
        """Write a checkpoint of this moment."""
        averages = {ema_name(rate): self.ema.state(i) for i, rate in enumerate(self.settings.ema_rates)}
        state = {
            "step": self.num_steps_done,
            "ema_updates": self.ema.num_updates,
            "seconds": self.seconds,
            "metrics_length": self.metrics.length,
        }
        return save_checkpoint(
            self.run_folder,
            self.num_steps_done,
            tensors={
                "network": self.network.state_dict(),
                **averages,
                "optimizer": optimizer_state(self.network, self.optimizer),
                "timesteps": self.train_step.timesteps.state(),
            },
            documents={"training": state, **self.describe(self.averaged_network())},
            keep=self.settings.keep_checkpoints,
        )

    def _restore(self, checkpoint: Checkpoint) -> int:
        state = checkpoint.document("training")
        self.network.load_state_dict(checkpoint.tensors("network"))
        for i, rate in enumerate(self.settings.ema_rates):
            self.ema.load_state(i, checkpoint.tensors(ema_name(rate)))
        load_optimizer_state(self.network, self.optimizer, checkpoint.tensors("optimizer"))
        self.train_step.timesteps.load_state(checkpoint.tensors("timesteps"))
        self.num_steps_done, self.seconds = state["step"], state["seconds"]
        self.ema.num_updates = state["ema_updates"]
        return int(state["metrics_length"])

    def _last_checkpoint(self) -> Checkpoint:
        found = latest_checkpoint(self.run_folder)
        return found if found is not None and found.step == self.num_steps_done else self.save()


def ema_name(rate: float) -> str:
    """File name of the average of that rate in a checkpoint."""
    return f"ema-{rate}"
