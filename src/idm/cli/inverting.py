"""Options of verbs that turn samples into noise. Imports no torch."""

from typing import Annotated

from idm.cli import completion
from idm.cli.options import named, number, setting

InversionMethod = Annotated[
    str | None,
    named(
        "--method",
        "How to invert: bdia (exact, the default), rex or o_belm (exact), ddim, fixed_point, rex_sde.",
        completion.inversions,
    ),
]
InversionSteps = Annotated[
    int | None, number("--steps", "Steps of the inversion, 0 for all: more, smaller errors; 100 if not given.", 0)
]
InversionOverrides = Annotated[
    list[str] | None,
    setting(
        "threshold=0.995: dynamic thresholding of x_0, as of samplers; of guidance: guidance.phi=0.7. Repeatable.",
        completion.sampler_settings,
    ),
]
InversionSpacing = Annotated[
    str | None,
    named("--spacing", "Levels of the inversion: log_snr (the default), linspace, rho, ...", completion.spacings),
]
InversionSeed = Annotated[
    int,
    number("--seed", "Noise of the codes: image i has that of seed + i.", 0, 2**31 - 1),
]
