"""The pieces of the demo page, each measured on a trained run."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.tensors import require_finite
from idm.editing import decode, encode, interpolate, inversion_process
from idm.experiment import Data, Recognition, Run, recognise
from idm.report import Denoising, Reconstruction, SampleSet
from idm.samplers import Sampler

SHOWN_PER_CLASS = 10
DENOISED = 8
MOMENTS = (0.0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0)
"""Shares of the steps done at which the denoising is shown."""

RECONSTRUCTED = 14
INVERSION_STEPS = 100
PAIRS = 4
PATH = 9
"""Images per row of an interpolation, both ends included."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples by one sampler, and how well a classifier recognises them."""

    shown: SampleSet
    recognition: Recognition


def draw(run: Run, data: Data, name: str, sampler: Sampler, num: int, *, seed: int = 0) -> Drawn:
    """Draw ``num`` samples, every class in turn; the first ten of each class are shown."""
    start = time.monotonic()
    samples = run.sample(num, sampler=sampler, seed=seed, progress=True)
    seconds = time.monotonic() - start
    found = recognise(run, data, samples)
    classes = run.spec.num_classes or 1
    per_class = min(SHOWN_PER_CLASS, num // classes)
    by_class = torch.arange(classes * per_class).view(per_class, classes).T.flatten()
    accuracy = found.samples
    shown = SampleSet(
        f"{name}, {sampler.diffusion.num_timesteps} steps",
        samples[by_class],
        seconds,
        num,
        accuracy.mean,
        accuracy.standard_error,
    )
    return Drawn(shown, found)


def denoise(run: Run, sampler: Sampler, *, seed: int = 0) -> Denoising:
    """Follow a few samples from noise to data."""
    shape = (DENOISED, *run.spec.shape)
    x_T = sampler.initial_noise(shape, seed=seed, device=run.device)  # noqa: N806 (the field's name)
    kwargs = run.label_kwargs(None, DENOISED)
    states = [x_T, *(s.sample for s in sampler.trajectory(run.model, x_T, model_kwargs=kwargs, seed=seed))]
    require_finite(states[-1], "samples")
    last = len(states) - 1
    chosen = [round(share * last) for share in MOMENTS]
    timesteps = sampler.diffusion.schedule.timesteps
    labels = [f"t = {timesteps[last - 1 - i]}" if i < last else "done" for i in chosen]
    return Denoising(torch.stack([states[i].cpu() for i in chosen], dim=1), labels)


def reconstruct(run: Run, data: Data) -> Reconstruction:
    """Invert held-out samples to noise and sample them back."""
    x, y = data.held_out.first(RECONSTRUCTED)
    kwargs = {} if y is None else {"y": y.to(run.device)}
    process = inversion_process(run.diffusion, INVERSION_STEPS)
    code = encode(process, run.model, x.to(run.device), model_kwargs=kwargs)
    back = require_finite(decode(process, run.model, code, model_kwargs=kwargs).cpu(), "reconstructions")
    codec = run.spec.codec
    original, again = codec.decode(x), codec.decode(back)
    error = float((((back - x) * float(codec.scale[0])) ** 2).mean().sqrt())
    return Reconstruction(x, back, float((original == again).mean()), error, INVERSION_STEPS)


def walk(run: Run, data: Data) -> Tensor:
    """Interpolate between held-out samples of different classes, both ends included: [pairs, n, c, *space].

    Encoding and decoding are told of no class, so that the class may change on the way.
    """
    x, _ = data.held_out.first(2 * PAIRS)
    process = inversion_process(run.diffusion, INVERSION_STEPS)
    weights = torch.linspace(0.0, 1.0, PATH).tolist()
    ends, path = run.unlabelled_kwargs(2), run.unlabelled_kwargs(PATH)
    pairs = x.to(run.device).split(2)
    rows = [
        interpolate(process, run.model, pair[:1], pair[1:], weights, model_kwargs=ends, path_kwargs=path)
        for pair in pairs
    ]
    return require_finite(torch.stack(rows).cpu(), "interpolations")
