"""``idm info``: what a run is."""

from idm.cli.options import Json, RunArgument, TrustCode
from idm.cli.output import Output, print_json


def info(run_folder: RunArgument, trust_code: TrustCode = False, as_json: Json = False) -> None:
    """Show what a run is: data, network, process, sampler, versions."""
    from idm.tasks import describe

    found = describe(run_folder, trust_code=trust_code)
    if as_json:
        print_json(found.to_plain())
    else:
        Output().pairs(found.in_words())
