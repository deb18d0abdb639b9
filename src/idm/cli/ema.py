"""``idm ema``: averages of the weights of any width, after training."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer

from idm.cli.options import Device, Json, OutFolder, RunArgument, TrustCode, number
from idm.cli.output import Output, to_score
from idm.core.outputs import checked_folder

DECODER: Mapping[bool | None, str] = {
    True: "fitted anew",
    False: "the run's own, as its data could not be opened",
    None: "the model's",
}
"""What is said of the decoder, by ``Reconstruction.is_calibrated``."""


def ema(
    run_folder: RunArgument,
    sigma_rel: Annotated[
        float,
        typer.Option(
            "--sigma-rel",
            metavar="X",
            help="Width of the average as a share of the steps done: 0.05 remembers little, 0.2 much.",
            show_default=False,
        ),
    ],
    step: Annotated[
        int | None, number("--step", "The average at this step, one of those stored; the newest if not given.", 1)
    ] = None,
    out: OutFolder = None,
    device: Device = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Average the weights of a trained run anew, as if that average had been kept all along.

    Try a few widths and compare them with 'idm evaluate': nothing is trained again. The result is a folder that
    'idm sample' and the other verbs open like a run.
    """
    from idm.tasks.ema import reconstruct

    destination = None if out is None else checked_folder(out)
    found = reconstruct(run_folder, sigma_rel, destination, step=step, device=device, trust_code=trust_code)
    folder, output = found.checkpoint.parent.parent, Output(as_json=as_json)
    output.pairs(
        {
            "average": f"sigma_rel {sigma_rel:g} at step {found.step:,}, of {found.num_snapshots:,} stored averages",
            "error": f"{found.error:.2%} of the profile",
            "decoder": f"variance of the last step: {DECODER[found.is_calibrated]}",
            "model": found.checkpoint,
        }
    )
    output.next("evaluate", folder, *to_score(found.num_held_out))
    output.finish(run=folder, **asdict(found))
