"""``idm fit-solver``: fit a sampler of a few calls to a trained network."""

from idm.cli import guiding, options
from idm.cli.groups import Doing
from idm.core.text import counted


def fit_solver(
    run_folder: options.RunArgument,
    calls: options.Calls = 4,
    guidance: guiding.Guidance = 1.0,
    batch_size: options.BatchSize = 256,
    precision: options.Precision = None,
    *,
    doing: Doing,
) -> None:
    """Fit levels and weights of a sampler of few calls to this network's own samples; nothing is trained.

    'idm sample RUN --sampler fitted --steps N' then uses it. It is kept in RUN/fits for the checkpoint that it was
    fitted to, and takes the place of an earlier one of as many calls. It takes about as long as 192 samples of 64
    steps; interrupted, it begins anew.
    """
    from idm.core.terminal import TERMINAL
    from idm.run.solver_fit import name_of
    from idm.run.walks import num_levels

    output, opened = doing.output, doing.load(run_folder, precision)
    solver = opened.fit_solver(calls, guidance=guidance, batch_size=batch_size, listener=TERMINAL)
    file, folder, fine = opened.fits.path(name_of(calls)), opened.folder, counted(num_levels(opened), "step")
    output.pairs(
        {
            "checkpoint": str(opened.name),
            "fitted": f"{counted(calls, 'step')} to {counted(solver.num_walks, 'sample')} of {fine}",
            "levels": ", ".join(f"{kappa:.3g}" for kappa in reversed(solver.kappas)) + " (noise-to-signal ratios)",
            "error": f"{solver.error:.3g} root mean square from other samples of {fine}, where multistep in "
            f"{counted(calls, 'call')} has {solver.error_of_multistep:.3g}",
            "kept": str(file),
        }
    )
    scale = () if guidance == 1.0 else ("--guidance", f"{guidance:g}")
    output.next("sample", folder, "--sampler", "fitted", "--steps", calls, *scale)
    output.finish(run=folder, file=file, checkpoint=opened.name, calls=solver.calls, **solver.to_plain())
