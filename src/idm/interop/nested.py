"""Finding the weights in what a training script saved: state dicts within others, names behind prefixes."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

AVERAGES = (
    "ema",
    "ema_model",
    "model_ema",
    "ema_state_dict",
    "ema_model_state_dict",
    "model_ema_state_dict",
    "params_ema",
    "ema_params",
)
"""Names under which averaged weights are stored; they come before those of ``TRAINED``."""

TRAINED = ("model", "state_dict", "model_state_dict", "network", "net", "unet", "denoiser", "params", "module")
"""Names under which the weights of the last step are stored."""

AVERAGE = re.compile(r"(?:.*[_.])?ema(?:[_.].*)?", re.DOTALL)
"""Other names of averaged weights: net_ema, ema_0.9999."""

WRAPPERS = ("module", "_orig_mod", "model", "diffusion_model", "denoiser", "unet", "net", "network")
"""What parallel training, compilation and trainers put before the names of all parameters, with a dot."""

BESIDE = frozenset(
    {
        *("step", "steps", "global_step", "iteration", "epoch", "num_updates", "n_averaged", "decay", "initted"),
        *("betas", "alphas", "alphas_cumprod", "alphas_cumprod_prev", "alphas_cumprod_next", "sigmas", "log_sigmas"),
        *("sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "log_one_minus_alphas_cumprod"),
        *("sqrt_recip_alphas", "sqrt_recip_alphas_cumprod", "sqrt_recipm1_alphas_cumprod"),
        *("posterior_variance", "posterior_log_variance_clipped", "posterior_mean_coef1", "posterior_mean_coef2"),
        *("lvlb_weights", "loss_weight", "p2_loss_weight", "logvar", "scale_factor", "snr", "lr", "loss"),
        *("ddim_sigmas", "ddim_alphas", "ddim_alphas_prev", "ddim_sqrt_one_minus_alphas"),
    }
)
"""How the names of tensors end that trainers, averages and noise schedules of other projects store with a network."""

LOSSES = frozenset({"lpips", "loss", "loss_fn", "perceptual_loss", "discriminator"})
"""Networks that only judge samples in training."""

OTHER_PARTS = frozenset({"first_stage_model", "cond_stage_model"})
"""Networks of a latent diffusion model, which is told as what it is."""

MOST_NESTED = 4
"""Most dicts within one another in which a state dict is looked for."""


@dataclass(frozen=True)
class Weights:
    """A state dict and where it was.

    Attributes:
        tensors: parameters by name.
        place: names of the entries that led to it; empty if it was the whole.
        passed_over: other entries beside it that may hold weights too.
        prefix: what was taken off the front of all names.
    """

    tensors: dict[str, Tensor]
    place: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def note(self) -> str:
        """Where the weights were, in a few words; "" if there is nothing to say."""
        parts = [f"entry '{'.'.join(self.place)}'"] if self.place else []
        parts += [f"not '{name}'" for name in self.passed_over]
        return ", ".join(parts + ([f"names without '{self.prefix}'"] if self.prefix else []))


def find_weights(content: Any) -> Weights | None:
    """Find the state dict: the whole, or an entry of one of the usual names; an average rather than a last step."""
    found = _search(content, MOST_NESTED)
    return None if found is None else _without_prefix(found)


def _search(content: Any, depth: int) -> Weights | None:
    if not isinstance(content, Mapping):
        return None
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    parameters = {name: value for name, value in tensors.items() if name.rpartition(".")[2] not in BESIDE}
    if len(tensors) == len(content) > 0:
        return Weights(parameters or tensors)
    here = _entries(content)
    for name in here if depth > 0 else ():
        found = _search(content[name], depth - 1)
        if found is not None:
            others = found.passed_over or tuple(other for other in here if other != name)
            return replace(found, place=(name, *found.place), passed_over=others)
    return Weights(parameters) if any("." in name for name in parameters) else None


def _entries(content: Mapping[Any, Any]) -> list[str]:
    """Names of the entries that may hold weights; averages come first, of several rates the largest."""
    names = [name for name, value in content.items() if isinstance(name, str) and isinstance(value, Mapping)]
    further = sorted((name for name in names if name not in AVERAGES and AVERAGE.fullmatch(name)), reverse=True)
    return [name for name in (*AVERAGES, *further, *TRAINED) if name in names]


def _without_prefix(found: Weights) -> Weights:
    """Take off what wrappers put before names; of one that holds a model and its average, keep the average.

    What lies beside the network and is not known to be something else keeps its name, which no network has.
    """
    tensors, left, taken = found.tensors, dict[str, Tensor](), ""
    while (wrapper := _wrapper(tensors)) is not None:
        prefix = f"{wrapper}."
        inside = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        left |= {name: tensors[name] for name in _unknown([n for n in tensors if not n.startswith(prefix)], inside)}
        if not inside.keys().isdisjoint(left):
            return found
        tensors, taken = inside, taken + prefix
    return replace(found, tensors=tensors | left, prefix=taken)


def _unknown(names: Iterable[str], network: Collection[str]) -> list[str]:
    """Leave out averages, losses, and the parameters of the same network under other names, as of its last step."""
    copies: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        first, _, rest = name.partition(".")
        copies[first].add(rest)
    known = {first for first, rest in copies.items() if rest == set(network) or AVERAGE.fullmatch(first)} | LOSSES
    return [name for name in names if name.partition(".")[0] not in known]


def _wrapper(names: Iterable[str]) -> str | None:
    """Return how the names of parameters inside of a wrapper begin; None where there is none."""
    if not OTHER_PARTS.isdisjoint(name.partition(".")[0] for name in names):
        return None
    firsts = dict.fromkeys(name.partition(".")[0] for name in names if name.count(".") > 1)
    return next((first for first in (*filter(AVERAGE.fullmatch, firsts), *firsts) if _wraps(first)), None)


def _wraps(first: str) -> bool:
    return first in WRAPPERS or AVERAGE.fullmatch(first) is not None
