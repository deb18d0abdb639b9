"""Samples carried to the noise that they could have been made from, and back."""

from collections.abc import Sequence

from torch import Tensor

from idm.core.progress import SILENT, Listener
from idm.diffusion import Denoiser
from idm.editing import States
from idm.guidance import LevelClassifier
from idm.run.carrying import carrying_denoiser, classes_of_latents, followed, in_batches, refuse_numbers
from idm.run.guided_latents import EncodingGuide, run_that_decodes
from idm.run.inputs import Inputs
from idm.run.inversions import InversionChoice, choose_inversion
from idm.run.labels import Labels
from idm.run.latents import Latents
from idm.run.opened import Opened


def encode(
    run: Opened,
    inputs: Inputs,
    *,
    labels: Sequence[int] | None = None,
    choice: InversionChoice | None = None,
    seed: int = 0,
    batch_size: int = 256,
    listener: Listener = SILENT,
) -> Latents:
    """Encode samples in the model's range, by the network of a run as it is guided.

    Args:
        run: the trained model.
        inputs: the samples.
        labels: numbers of the classes that they are encoded under, in turn; those known, or no class, by default.
        choice: from ``choose_inversion``; its defaults where None.
        seed: sample i has the noise of seed + i, where the way draws any.
        batch_size: samples at a time.
        listener: hears how it gets on.

    Raises:
        SettingsError: a sample without a known class, and a network, or guidance, that knows classes only.
        NumericalError: latents are not finite.
    """
    refuse_numbers(run)
    choice = choice or choose_inversion(run.diffusion)
    y = run.labels_of(labels, inputs.labels)
    denoise = carrying_denoiser(run, choice, y)

    with followed(listener, "encoding", inputs.x, batch_size, choice.process) as within:

        def carry(denoise: Denoiser, states: States, seeds: range) -> States:
            return choice.inversion.encode(denoise, states, seed=seeds, listener=within)

        states = in_batches(carry, (inputs.x,), denoise, seed, batch_size, run.device, what="latents")
    return _latents(run, states, y, choice, seed)


def _latents(run: Opened, states: States, y: Tensor | None, choice: InversionChoice, seed: int) -> Latents:
    """Put codes and what they were encoded by together."""
    x, *partner = states
    return Latents(
        x,
        None if y is None else y.cpu(),
        choice.process.num_timesteps,
        run.spec.codec,
        str(run.folder),
        partner[0] if partner else None,
        choice.method,
        choice.spacing,
        seed,
        run.sha256,
        choice.threshold,
        EncodingGuide.of(run.guide),
    )


def decode(
    run: Opened,
    latents: Latents,
    *,
    labels: Labels | None = None,
    classifier: LevelClassifier | None = None,
    batch_size: int = 256,
    listener: Listener = SILENT,
) -> tuple[Tensor, list[int] | None]:
    """Decode latents into samples in the model's range, and say which class each was decoded as; None: no classes.

    Args:
        run: a model of the same data, with the guidance that they were encoded with, or none: it then follows.
        latents: from ``encode``.
        labels: other classes than they were encoded under, in turn.
        classifier: the caller's own, where they were encoded with one.
        batch_size: samples at a time.
        listener: hears how it gets on.

    Raises:
        DataError: codes of other data than the model's.
        CheckpointError: codes of another checkpoint.
        SettingsError: other guidance, or a classifier that is missing.
        NumericalError: samples are not finite.
    """
    run = run_that_decodes(run, latents.guide, classifier)
    latents.check(run)
    choice = choose_inversion(run.diffusion, latents.method, latents.steps, latents.spacing, latents.threshold)
    known = [None] * len(latents.x) if latents.labels is None else latents.labels.tolist()
    y = run.labels_of(classes_of_latents(run, labels), known)
    denoise = carrying_denoiser(run, choice, y)

    with followed(listener, "decoding", latents.x, batch_size, choice.process) as within:

        def carry(denoise: Denoiser, states: States, seeds: range) -> States:
            return choice.inversion.decode(denoise, states, seed=seeds, listener=within)[:1]

        (wide,) = in_batches(carry, latents.states, denoise, latents.seed, batch_size, run.device, what="samples")
    return wide.float(), None if y is None else y.tolist()
