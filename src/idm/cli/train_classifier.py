"""``idm train-classifier``: train a classifier of noisy data for a trained network."""

from idm.cli import guiding, options
from idm.cli.groups import Doing
from idm.core.text import counted


def train_classifier(
    run_folder: options.RunArgument,
    steps: guiding.ClassifierSteps = 2_000,
    batch_size: options.BatchSize = 128,
    *,
    doing: Doing,
) -> None:
    """Train a classifier of noisy data on the run's own labels, half of its network and a head.

    'idm sample RUN --classifier-scale 1' is then guided by it, also where the network was trained without classes. It
    is kept in RUN/fits for the checkpoint that it begins with. Interrupted, it keeps what is done, and the same command
    goes on.
    """
    from idm.core.terminal import TERMINAL
    from idm.run.classifier import NAME

    output, opened = doing.output, doing.load(run_folder)
    fit = opened.train_classifier(steps, batch_size=batch_size, listener=TERMINAL)
    file, folder = opened.fits.path(NAME), opened.folder
    output.pairs(
        {
            "checkpoint": str(opened.name),
            "trained": f"{counted(fit.num_steps, 'step')}, {counted(len(fit.class_names), 'class')}",
            "kept": str(file),
        }
    )
    if fit.num_held_out:
        output.line()
        output.line(f"named rightly of {counted(fit.num_held_out, 'held-out sample')} (by chance {fit.chance:.0%}):")
        output.pairs(
            {f"  noise {kappa:.3g}": f"{share:.1%}" for kappa, share in zip(fit.kappas, fit.accuracies, strict=True)}
        )
    output.next("sample", folder, "--classifier-scale", "1")
    output.finish(run=folder, file=file, checkpoint=opened.name, **fit.to_plain())
