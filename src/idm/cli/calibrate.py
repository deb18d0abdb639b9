"""``idm calibrate``: measure how far a trained network is from clean data, noise level by noise level."""

from idm.cli import options
from idm.cli.output import Output, command
from idm.core.text import counted


def calibrate(
    run: options.RunArgument,
    other: options.DataToCalibrate = None,
    overrides: options.SourceOverrides = None,
    num: options.NumCalibrated = 1024,
    levels: options.NumLevels = 64,
    batch_size: options.BatchSize = 512,
    precision: options.Precision = None,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Measure the error of the predicted clean data over the noise level, once; nothing is trained.

    Optimal variances (--variance analytic_position) and levels (--plan likelihood) of 'idm evaluate' and 'idm sample'
    are computed from it. It is kept in RUN/fits for the checkpoint that was measured, and takes the place of an earlier
    one.
    """
    from idm.cli.data_options import options_to_score
    from idm.core.terminal import TERMINAL
    from idm.tasks import calibrate_run

    output, source = Output(as_json=as_json), options_to_score(overrides or [], other)
    found = calibrate_run(
        run,
        other,
        source,
        num=num,
        num_levels=levels,
        batch_size=batch_size,
        precision=precision,
        device=device,
        trust_code=trust_code,
        listener=TERMINAL,
    )
    plain = found.to_plain()
    kappa, errors = plain["kappa"], plain["error"]
    ends = [f"{errors[i]:.3g} at {kappa[i]:.3g}" for i in (0, -1)]
    output.pairs(
        {
            "checkpoint": str(found.run.name),
            "measured": f"{counted(plain['num'], 'sample')} at {counted(len(errors), 'noise level')}",
            "error": f"{ends[0]} times as much noise as signal, {ends[1]}",
            "kept": str(found.file),
        }
    )
    output.line()
    output.line(f"Next: {command('idm', 'evaluate', found.run.folder, '--steps', '10', '--plan', 'likelihood')}")
    output.finish(run=found.run.folder, file=found.file, **plain)
