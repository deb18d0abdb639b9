"""Which variance the reverse steps of a trained run have: its own, or one that its error curves make optimal."""

from torch import nn

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.diffusion import Analytic, CalibratedDecoder, ErrorCurve, PredictedError, ReverseVariance
from idm.run.curves import WAY, StoredCurves, hash_of
from idm.run.heads import hash_of_weights, with_head
from idm.samplers import Sampler


def of_model(variance: ReverseVariance, curves: StoredCurves) -> ReverseVariance:
    """Return the variance that a network was trained with, the decoder's read off the error curve."""
    return variance.trained


def analytic(variance: ReverseVariance, curves: StoredCurves) -> ReverseVariance:
    """Return the variance that one error curve makes optimal: the one that was measured, or else the checkpoint's.

    Raises:
        SettingsError: there is no curve, or one of a single level.
    """
    own = of_model(variance, curves)
    curve = one_curve(own, curves)
    if curve is None:
        raise SettingsError(f"variance: model wanted, since this run has no error curves, got analytic; {WAY}")
    return Analytic.of(own, curve)


def one_curve(variance: ReverseVariance, curves: StoredCurves) -> ErrorCurve | None:
    """Return the error curve of all values, that which was measured, or else the checkpoint's; None: there is none.

    Args:
        variance: the one that a network was trained with.
        curves: what was measured, if anything.
    """
    measured = curves.find()
    if measured is not None:
        return measured.together
    return variance.curve if isinstance(variance, CalibratedDecoder) and len(variance.curve.log_kappa) > 1 else None


def analytic_channel(variance: ReverseVariance, curves: StoredCurves) -> ReverseVariance:
    """Return the variance that an error curve of each channel makes optimal.

    Raises:
        SettingsError: none were measured.
    """
    return Analytic.of(variance, curves.read().of_channels)


def analytic_position(variance: ReverseVariance, curves: StoredCurves) -> ReverseVariance:
    """Return the variance that an error curve of each value of a sample makes optimal.

    Raises:
        SettingsError: none were measured.
    """
    return Analytic.of(variance, curves.read().of_places)


def npr(variance: ReverseVariance, curves: StoredCurves) -> ReverseVariance:
    """Return the variance that errors predicted by a head make optimal, which learned the residual of the noise.

    Raises:
        SettingsError: none was trained, or the curves that it began with were measured anew.
        CheckpointError: it is that of another checkpoint, or damaged.
    """
    return with_head(variance, curves, "npr")


def sn(variance: ReverseVariance, curves: StoredCurves) -> ReverseVariance:
    """Return the same of a head that learned the squared noise; errors as of ``npr``."""
    return with_head(variance, curves, "sn")


def told(variance: ReverseVariance) -> dict[str, str]:
    """Return what tells the numbers of a variance, as of ``VARIANCES``, from those of another of its name."""
    if isinstance(variance, PredictedError):
        network = variance.network
        assert isinstance(network, nn.Module), "a head of a run"
        return {"curve": hash_of(variance.curve), "head": hash_of_weights(network.state_dict())}
    return {"curve": hash_of(variance.curve)} if isinstance(variance, Analytic) else {}


def require_use(variance: str, sampler: Sampler) -> None:
    """Refuse another variance than the model's where a sampler uses none, by a ``SettingsError``."""
    if variance != "model" and not sampler.uses_variance:
        raise SettingsError(
            f"variance: model wanted with {type(sampler).__name__}, {sampler.why_no_variance}, got {variance}; "
            f"{sampler.way_to_use_variance}"
        )


VARIANCES: Registry[ReverseVariance] = Registry(
    "variance",
    {
        "model": of_model,
        "analytic": analytic,
        "analytic_channel": analytic_channel,
        "analytic_position": analytic_position,
        "npr": npr,
        "sn": sn,
    },
)
