"""The methods of restoration that are compared with exact posteriors, and what each gets wrong."""

from collections.abc import Callable
from dataclasses import dataclass

from idm.diffusion import GaussianDiffusion
from idm.proof.known import FieldData, GaussianData, Known, MixtureData, PlaneData, WalkData
from idm.restoration import DDNM, DPS, ILVR, TDS, TMPD, CovarianceRule, Method, PiGDM, RePaint, SDEdit
from idm.restoration.methods.stepwise import Stepwise
from idm.samplers import Sampler, SamplerDDPM, SamplerMultistep

STEPS = 40


def stochastic(diffusion: GaussianDiffusion) -> Sampler:
    """Return the sampler of second order that draws as much noise as ancestral sampling."""
    return SamplerMultistep(diffusion, clip_denoised=False, tau=1.0)


def ancestral(diffusion: GaussianDiffusion) -> Sampler:
    """Return ancestral sampling, with the variance of the process."""
    return SamplerDDPM(diffusion, clip_denoised=False)


@dataclass(frozen=True)
class Unguided(Stepwise):
    """Looks at nothing: draws are data."""


@dataclass(frozen=True)
class Restorer:
    """A method with its options and a sampler.

    Attributes:
        name: what it is known as.
        make: makes the method, given the standard deviation of the data.
        remark: what it gets wrong, in a line.
        exact: data for which theory says that it draws from the posterior.
        data: for which it is measured.
        sampler: around which sampler.
    """

    name: str
    make: Callable[[float], Method]
    remark: str
    exact: tuple[type[Known], ...] = ()
    data: tuple[type[Known], ...] = (GaussianData, FieldData, MixtureData, PlaneData, WalkData)
    sampler: Callable[[GaussianDiffusion], Sampler] = stochastic


ALMOST_ALL = (GaussianData, FieldData, MixtureData, PlaneData)

RESTORERS = (
    Restorer("none", lambda _: Unguided(), "draws are data, whatever was observed: how much there is to gain"),
    Restorer(
        "SDEdit, strength 0.5",
        lambda _: SDEdit(),
        "looks at the observation only where it starts: what is noise there forgets it, what is not keeps its faults",
    ),
    Restorer(
        "RePaint, 10 times",
        lambda _: RePaint(),
        "what is unseen hears of the rest a step late: kinds of data are chosen before they are known; jumps help",
    ),
    Restorer("ILVR", lambda _: ILVR(), "RePaint without jumps, for any operator: kinds of data are chosen too early"),
    Restorer(
        "DDNM",
        lambda _: DDNM(),
        "corrects only what is seen, as if its values were independent: means are off, kinds are chosen too early",
    ),
    Restorer(
        "DDNM, 5 times", lambda _: DDNM(jumps=5), "as DDNM; going back lets kinds change, and costs as many calls more"
    ),
    Restorer(
        "DPS",
        lambda _: DPS(),
        "how far it goes depends on its scale and on the number of steps, not on the noise: much too narrow",
    ),
    Restorer(
        "PiGDM",
        lambda deviation: PiGDM(data_deviation=deviation),
        "takes values to be independent, of one variance: exact for such Gaussian data; kinds are chosen too early",
        exact=(GaussianData,),
    ),
    Restorer(
        "TMPD",
        lambda deviation: TMPD(data_deviation=deviation),
        "row sums in the place of covariances: right if what is seen is independent; kinds are chosen too early",
    ),
    Restorer(
        "TMPD, full covariance",
        lambda deviation: TMPD(CovarianceRule.FULL, deviation),
        "takes x_0 given x_t to be Gaussian: exact for all Gaussian data; kinds are chosen too early",
        exact=(GaussianData, FieldData),
        data=ALMOST_ALL,
    ),
    Restorer(
        "TDS, 16 particles",
        lambda deviation: TDS(particles=16, data_deviation=deviation),
        "nothing but for the number of particles and steps; of many values few particles count",
        exact=(GaussianData, FieldData, MixtureData),
        data=(GaussianData, FieldData, MixtureData),
        sampler=ancestral,
    ),
    Restorer(
        "TDS, 8 particles, row sums",
        lambda deviation: TDS(8, CovarianceRule.ROWS, deviation),
        "as with 16, and guided by row sums to save products: few particles count where jumps are decided",
        exact=(WalkData,),
        data=(WalkData,),
        sampler=ancestral,
    ),
    Restorer(
        "TDS, 256 particles",
        lambda deviation: TDS(particles=256, data_deviation=deviation),
        "as with 16; where guidance leads astray most particles are lost, so that there have to be many",
        exact=(PlaneData,),
        data=(PlaneData,),
        sampler=ancestral,
    ),
)
