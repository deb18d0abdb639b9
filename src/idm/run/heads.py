"""Heads that predict the errors of a run's network: kept beside its checkpoint, and read again."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from idm.core.errors import CheckpointError, SettingsError
from idm.core.phrasing import Call
from idm.diffusion import PredictedError, ReverseVariance
from idm.networks.error_network import error_network
from idm.networks.stored import with_shapes
from idm.run.curves import StoredCurves, hash_of
from idm.storage import Fit

KIND, PREFIX = "error_head", "head-"
"""Of the files: kind, and what their names begin with, before that of the head."""

CURVES = "curves"
"""What tells the curves that a head began with."""


def keep_head(curves: StoredCurves, head: str, network: nn.Module, about: Mapping[str, Any], fingerprint: str) -> Path:
    """Keep a head that began with these curves, in the place of an earlier one of that name.

    Args:
        curves: of the checkpoint.
        head: its name.
        network: its weights.
        about: what else is known of it, JSON-able, by name.
        fingerprint: of the data that it was trained on.

    Raises:
        SettingsError: a model that no checkpoint holds.
        CheckpointError: the disk refuses.
    """
    content = {**about, CURVES: hash_of(curves.read().of_places)}
    return curves.fits.write(f"{PREFIX}{head}", KIND, content, network.state_dict(), data=fingerprint)


def with_head(variance: ReverseVariance, curves: StoredCurves, head: str) -> PredictedError:
    """Put a head that was trained in the place of a variance.

    Raises:
        SettingsError: none was trained, or the curves that it began with were measured anew.
        CheckpointError: it is that of another checkpoint, or damaged.
    """
    name, way = f"{PREFIX}{head}", f"train one with {way_to_train(curves, head)}"
    found, curve = curves.fits.read(name, KIND, way), curves.read().of_places
    if found.content.get(CURVES) != hash_of(curve):
        raise SettingsError(f"{name}: one that began with the error curves of this run wanted, got another; {way}")
    try:
        network = _network(found, curves.shape)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{name}: a head for samples of shape {curves.shape} wanted, got another; {way}"
        ) from error
    return PredictedError(variance.trained, curve, network.to(curves.device))


def way_to_train(curves: StoredCurves, head: str) -> Call:
    """Return the call that trains a head."""
    return Call(f'run.calibrate(head="{head}")', ("calibrate", curves.fits.run_folder), {"head": head})


def hash_of_weights(tensors: Mapping[str, Tensor]) -> str:
    """Return what tells the numbers of a head from those of another."""
    total = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        total.update(name.encode() + value.cpu().numpy().tobytes())
    return total.hexdigest()


def _network(found: Fit, shape: tuple[int, ...]) -> nn.Module:
    """Build the network of a file, which may be anybody's.

    Raises:
        RuntimeError, SettingsError: it holds another one's weights.
    """
    with with_shapes(tuple(value.shape) for value in found.tensors.values()), torch.random.fork_rng(devices=[]):
        network = error_network(shape)
    network.load_state_dict(dict(found.tensors))
    return network.eval().requires_grad_(False)
