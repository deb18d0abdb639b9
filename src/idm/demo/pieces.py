"""The pieces of the demo page, each measured on a trained run."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from idm.core.tensors import require_finite
from idm.core.terminal import TERMINAL
from idm.diffusion import GaussianDiffusion
from idm.editing import Inversion, interpolate
from idm.editing.inversion import MAX_NOISE_TO_SIGNAL
from idm.report import Denoising, Reconstruction, SampleSet
from idm.run import Data, Recognition, Run, recognise
from idm.run import draw as draw_samples
from idm.run.inversions import choose_inversion
from idm.samplers import Sampler

SHOWN_PER_CLASS = 10
NUM_DENOISED = 8
MOMENTS = (0.0, 0.2, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0)
"""Shares of the steps done at which the denoising is shown."""

NUM_RECONSTRUCTED = 14
INVERSION_STEPS = 100
NUM_PAIRS = 4
PATH_IMAGES = 9
"""Images per row of an interpolation, both ends included."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Samples by one sampler, and how well a classifier recognises them."""

    shown: SampleSet
    recognition: Recognition


def draw(run: Run, data: Data, name: str, sampler: Sampler, num: int, *, seed: int = 0) -> Drawn:
    """Draw ``num`` samples, every class in turn; the first ten of each class are shown."""
    start = time.monotonic()
    samples = draw_samples(run, num, sampler=sampler, seed=seed, listener=TERMINAL)
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


def follow(run: Run, sampler: Sampler, *, seed: int = 0) -> Denoising:
    """Follow a few samples from noise to data."""
    shape = (NUM_DENOISED, *run.spec.shape)
    x_T = sampler.initial_noise(shape, seed=seed, device=run.device)  # noqa: N806 (the field's name)
    kwargs = run.label_kwargs(None, NUM_DENOISED)
    states = [x_T, *(s.sample for s in sampler.trajectory(run.sampling_network, x_T, model_kwargs=kwargs, seed=seed))]
    require_finite(states[-1], "samples")
    last = len(states) - 1
    chosen = [round(share * last) for share in MOMENTS]
    timesteps = sampler.diffusion.grid.levels.time.tolist()
    labels = [f"t = {timesteps[last - 1 - i]:g}" if i < last else "done" for i in chosen]
    return Denoising(torch.stack([states[i].cpu() for i in chosen], dim=1), labels)


def inversion(diffusion: GaussianDiffusion) -> Inversion:
    """Return the way to invert: the usual one, in as many steps as the page has room to wait for, or as there are."""
    available = diffusion.grid.num_steps_below(MAX_NOISE_TO_SIGNAL)
    return choose_inversion(diffusion, steps=max(1, min(INVERSION_STEPS, available))).inversion


def reconstruct(run: Run, data: Data) -> Reconstruction:
    """Invert held-out samples to noise and sample them back."""
    x, y = data.held_out.first(NUM_RECONSTRUCTED)
    kwargs = run.spec.label_kind.given(None if y is None else y.to(run.device))
    way = inversion(run.diffusion)
    denoise = run.denoiser(way.diffusion, kwargs)
    states = way.encode(denoise, (x.to(run.device),))
    back = require_finite(way.decode(denoise, states)[0].cpu(), "reconstructions")
    codec = run.spec.codec
    original, again = codec.decode(x), codec.decode(back)
    error = float((((back - x) * float(codec.scale[0])) ** 2).mean().sqrt())
    return Reconstruction(x, back, float((original == again).mean()), error, way.diffusion.num_timesteps)


def walk(run: Run, data: Data) -> Tensor:
    """Interpolate between held-out samples of different classes, both ends included: [pairs, n, c, *space].

    Encoding and decoding are told of no class, so that the class may change on the way.
    """
    x, _ = data.held_out.first(2 * NUM_PAIRS)
    way = inversion(run.diffusion)
    process = way.diffusion
    weights = torch.linspace(0.0, 1.0, PATH_IMAGES).tolist()
    ends, path = (run.denoiser(process, run.unlabelled_kwargs(count)) for count in (2, PATH_IMAGES))
    pairs = x.to(run.device).split(2)
    rows = [interpolate(process, ends, pair[:1], pair[1:], weights, path=path, inversion=way) for pair in pairs]
    return require_finite(torch.stack(rows).cpu(), "interpolations")
