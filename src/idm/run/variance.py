"""Which variance the reverse steps of a trained run have: its own, or the one that its error curve makes optimal."""

from idm.core.errors import SettingsError
from idm.core.registry import Registry
from idm.diffusion import Analytic, CalibratedDecoder, ReverseVariance
from idm.samplers import Sampler


def of_model(variance: ReverseVariance) -> ReverseVariance:
    """Return the variance that a network was trained with, the decoder's read off the error curve."""
    return CalibratedDecoder(variance.inner, variance.curve) if isinstance(variance, Analytic) else variance


def analytic(variance: ReverseVariance) -> ReverseVariance:
    """Return the variance that the error curve makes optimal.

    Raises:
        SettingsError: there is no curve, or one of a single level.
    """
    if isinstance(variance, Analytic):
        return variance
    if not isinstance(variance, CalibratedDecoder) or len(variance.curve.log_kappa) < 2:
        raise SettingsError(
            "variance: model wanted, since this run has no error curve, got analytic; "
            "runs that are trained anew, with diffusion.decoder_variance=fitted, have one"
        )
    return Analytic.of(variance, variance.curve)


def require_use(variance: str, sampler: Sampler) -> None:
    """Refuse another variance than the model's where a sampler uses none.

    Raises:
        SettingsError: as said.
    """
    if variance != "model" and not sampler.uses_variance:
        raise SettingsError(
            f"variance: model wanted with {type(sampler).__name__}, which uses none, got {variance}; "
            "choose another sampler, such as ddpm"
        )


VARIANCES: Registry[ReverseVariance] = Registry("variance", {"model": of_model, "analytic": analytic})
