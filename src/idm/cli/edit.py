"""``idm edit``: change samples of one's own, more or less."""

from typing import Annotated

import typer

from idm.cli import completion, condition_options, guiding, options
from idm.cli.guiding import GuideOptions
from idm.cli.output import Output
from idm.cli.restore import sampler_settings

Samples = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGES",
        help="Files or folders of samples, of any kind that 'idm train --data' reads, or held-out:0-7 of the run's "
        "own.",
        show_default=False,
    ),
]
Strength = Annotated[
    float,
    typer.Option(
        "--strength",
        metavar="X",
        min=0,
        max=1,
        help="How far they go to noise: near 0 little changes, 1 keeps nothing.",
    ),
]
Results = Annotated[int, options.number("--num", "Results of each.", 1)]
Method = Annotated[
    str,
    options.named(
        "--method",
        "sdedit draws anew what noise hides; bdia, rex, ... carry samples up as one class and down as another.",
        completion.edits,
    ),
]
LabelA = Annotated[
    str | None,
    typer.Option(
        "--label-a", metavar="CLASSES", help="Classes that they have, for methods that invert; those known by default."
    ),
]
LabelB = Annotated[
    str | None,
    typer.Option("--label-b", metavar="CLASSES", help="Classes that they shall have, in turn; their own by default."),
]
Sampler = Annotated[
    str | None, options.named("--sampler", "For sdedit: ddpm by default, ddim, multistep or heun.", completion.samplers)
]
Steps = Annotated[int | None, options.number("--steps", "Steps of the whole way, 0 for all; 100 by default.", 0)]
Overrides = Annotated[
    list[str] | None,
    options.setting(
        "Change one setting of the sampler, repeatable; 'idm config sampler' lists them; guidance.phi=0.7.",
        completion.sampler_settings,
    ),
]


def edit(
    run_folder: options.RunArgument,
    images: Samples,
    strength: Strength = 0.5,
    method: Method = "sdedit",
    label_a: LabelA = None,
    label_b: LabelB = None,
    condition: condition_options.OfObservations = None,
    num: Results = 1,
    seed: options.Seed = 0,
    sampler: Sampler = None,
    steps: Steps = None,
    guidance: guiding.Guidance = 1.0,
    *,
    guide: GuideOptions,
    overrides: Overrides = None,
    batch_size: options.BatchSize = 64,
    out: options.OutFolder = None,
    device: options.Device = None,
    trust_code: options.TrustCode = False,
    as_json: options.Json = False,
) -> None:
    """Change samples: part of the way to noise, and back again, as another class if wished.

    What is coarser than the noise stays: of a sketch the layout, of a digit where it stands. What is finer is drawn
    anew by sdedit, and kept as far as another class allows by methods that invert. Results come in the kind of file
    that came, with what that says.
    """
    from idm.cli.data_options import options_of_conditions, parted
    from idm.cli.written import describe_restored, finish_restored
    from idm.core.terminal import TERMINAL
    from idm.tasks import EditRequest, edit_into

    of_conditions, others = parted(overrides or [])
    settings, of_rule = sampler_settings(others, sampler, steps)
    guided = {"guidance": guidance} | guide.asked | of_rule
    told = (condition, options_of_conditions(of_conditions, condition))
    wanted = EditRequest(strength, method, num, label_a, label_b, settings, seed, batch_size, guided, *told)
    output = Output(as_json=as_json)
    made = edit_into(
        run_folder, images, wanted, out, device=device, trust_code=trust_code, listener=TERMINAL, say=output.line
    )
    describe_restored(output, made)
    finish_restored(output, made)
