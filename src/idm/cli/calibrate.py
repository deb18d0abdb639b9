"""``idm calibrate``: measure how far a trained network is from clean data, noise level by noise level.

With ``--head`` a small network is then trained to predict it from noisy samples.
"""

from typing import TYPE_CHECKING

from idm.cli import condition_options, options
from idm.cli.groups import Doing
from idm.cli.output import Output, to_score
from idm.core.text import counted

if TYPE_CHECKING:
    from idm.run.calibrated import Calibrated

FEW_STEPS = 10
"""Steps of a planned bound to look at first, where the chain has as many."""


def calibrate(
    run_folder: options.RunArgument,
    other: options.DataToCalibrate = None,
    overrides: options.SourceOverrides = None,
    condition: condition_options.OfOtherData = None,
    num: options.NumCalibrated = 1024,
    levels: options.NumLevels = 64,
    head: options.Head = None,
    steps: options.HeadSteps = None,
    batch_size: options.BatchSize = 512,
    precision: options.Precision = None,
    *,
    doing: Doing,
) -> None:
    """Measure the error of the predicted clean data over the noise level, once; the run's network stays as it is.

    Optimal variances (--variance analytic_position) and levels (--plan likelihood) of 'idm evaluate' and 'idm sample'
    are computed from it. --head npr then trains a small network to predict it, for --variance npr. All is kept in
    RUN/fits for the checkpoint that was measured, and takes the place of an earlier one. It takes about as long as to
    draw as many samples in half as many steps as there are levels; interrupted, it begins anew.
    """
    from idm.cli.data_options import options_to_score
    from idm.core.terminal import TERMINAL
    from idm.run import open_data_to_score
    from idm.run.calibrated import CalibrateRequest, measure_and_train

    read = options_to_score(overrides or [], other, condition)
    opened = doing.load(run_folder, precision)
    wanted = CalibrateRequest(num, levels, head, steps, batch_size)
    data = open_data_to_score(opened, other, read.source, condition, read.condition)
    found = measure_and_train(opened, data, wanted, TERMINAL)
    _describe(doing.output, found, head)


def _describe(output: Output, found: "Calibrated", head: str | None) -> None:
    plain = found.to_plain()
    kappa, errors = plain["kappa"], plain["error"]
    ends = [f"{errors[i]:.3g} at {kappa[i]:.3g}" for i in (0, -1)]
    told = {
        "checkpoint": str(found.run.name),
        "measured": f"{counted(plain['num'], 'sample')} at {counted(len(errors), 'noise level')}",
        "error": f"{ends[0]} times as much noise as signal, {ends[1]}",
    }
    better = ()
    if found.head is not None:
        worth = f"{found.head.bits:.3f} bits/dim where the curves have {found.head.bits_of_curves:.3f}"
        told["head"] = f"{head}, {counted(found.head.num_steps, 'step')}: a step to half the noise costs {worth}"
        better = ("--variance", head or "")
    output.pairs({**told, "kept": str(found.file.parent if found.head else found.file)})
    scored, steps = to_score(found.run.spec.num_held_out), min(FEW_STEPS, found.run.diffusion.num_timesteps)
    output.next("evaluate", found.run.folder, *scored, "--steps", steps, "--plan", "likelihood", *better)
    output.finish(run=found.run.folder, file=found.file, **plain)
