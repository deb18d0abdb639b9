"""``idm evaluate`` without a run: samples of any origin beside real data."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idm.cli.flags import in_options, option
from idm.cli.groups import Doing
from idm.cli.output import Output
from idm.core.errors import SettingsError
from idm.core.text import finite

if TYPE_CHECKING:
    from idm.tasks.sample_sets import ComparedSets

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="PATH",
        help="Without RUN: samples of anybody's, of any kind that 'idm train --data' reads, .npz files of evaluation "
        "suites among them.",
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="PATH",
        help="With --from: the real data that they are compared with, or a file that --save-reference wrote.",
    ),
]
SaveReference = Annotated[
    str | None,
    typer.Option(
        "--save-reference",
        metavar="FILE",
        help="Keep statistics of --against, and of the features that were made of it, in a .safetensors file, with or "
        "without --from.",
    ),
]


@dataclass(frozen=True)
class SetOptions:
    """What is compared where there is no run."""

    samples_from: From = None
    against: Against = None
    save_reference: SaveReference = None

    @property
    def given(self) -> list[str]:
        """Names of those that were given."""
        return [name for name, value in vars(self).items() if value is not None]


def compare_sets(
    sets: SetOptions,
    *,
    metrics: Sequence[str] | None,
    features: str | None,
    cache: str | None,
    overrides: Sequence[str],
    out: Any,
    doing: Doing,
) -> None:
    """Compare samples with real data, and tell what was found."""
    from idm.cli.data_options import full_paths
    from idm.tasks.opened_sets import SetsRequest
    from idm.tasks.sample_sets import evaluate_samples_into

    if sets.against is None:
        missing = "RUN" if sets.samples_from is None else "--against PATH beside --from"
        raise SettingsError(
            f"idm evaluate: RUN wanted, or --from PATH and --against PATH, got no {missing}; see 'idm evaluate --help'"
        )
    request = SetsRequest(
        sets.against,
        sets.samples_from,
        metrics,
        features,
        full_paths(overrides),
        sets.save_reference,
        cache,
    )
    given = {name: value for name, value in doing.for_task.items() if name != "trust_code"}
    found = evaluate_samples_into(request, out, **given)
    if found is not None:
        _describe(doing.output, found)


def refuse_sets(sets: SetOptions) -> None:
    """Refuse what is compared without a run beside one.

    Raises:
        SettingsError: some of it was given.
    """
    for name in sets.given:
        raise SettingsError(
            f"{option(name)}: no RUN wanted beside it, got one; draw samples of a run with 'idm sample', and compare "
            "them with --from"
        )


def refuse_options_of_runs(
    others: Sequence[str] | None, conditions: Sequence[str] | None, doing: Doing, *groups: Any
) -> None:
    """Refuse options that say how a run is evaluated, where there is none.

    Args:
        others: data in place of a run's own.
        conditions: theirs.
        doing: how a verb works on a run.
        groups: of options; what differs from its default was given.

    Raises:
        SettingsError: one was given.
    """
    singles = {"data": bool(others), "condition": bool(conditions), "trust_code": doing.trust_code}
    names = [name for name, given in singles.items() if given]
    names += [entry.name for group in groups for entry in fields(group) if getattr(group, entry.name) != entry.default]
    for name in names:
        raise SettingsError(f"{option(name)}: a run that it is of wanted, got none; give RUN too, or leave it out")


def _describe(output: Output, found: "ComparedSets") -> None:
    evaluation = found.evaluation
    rows = {"noted": in_options("; ".join(found.remarks))} if found.remarks else {}
    if evaluation is not None:
        about = evaluation.about
        rows["samples"] = f"{about['num']:,} of {about['num_given']:,}, beside {about['num_real']:,} real"
    identity = found.about["features"]
    rows["features"] = f"{identity['name']} {identity['version']} {identity['sha256'][:16]}".rstrip()
    if evaluation is not None:
        rows |= evaluation.in_words
    output.pairs(rows | {name: str(path) for name, path in found.written.items()})
    plain = found.about if evaluation is None else evaluation.to_plain()
    output.finish(**finite(plain), **{name: str(path) for name, path in found.written.items()})
