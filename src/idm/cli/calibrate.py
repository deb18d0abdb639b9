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
    low, high = plain["kappa"][0], plain["kappa"][-1]
    errors = plain["error"]
    output.pairs(
        {
            "checkpoint": str(found.run.name),
            "measured": f"{counted(plain['num'], 'sample')} at {counted(len(errors), 'level')}",
            "error": f"{errors[0]:.3g} at noise-to-signal ratio {low:.3g}, {errors[-1]:.3g} at {high:.3g}",
            "kept": str(found.file),
        }
    )
    folder = found.run.folder
    output.line()
    output.line(f"Next: {command('idm', 'evaluate', folder, '--steps', '10', '--plan', 'likelihood')}")
    output.finish(run=folder, file=found.file, **plain)
