"""``idm config``: every setting with its type, default and meaning, or a preset as a file."""

from typing import TYPE_CHECKING, Annotated

import typer

from idm.cli import completion
from idm.cli.options import Json, named
from idm.cli.output import Output, print_json

if TYPE_CHECKING:
    from idm.settings.listing import Setting


def config(
    section: Annotated[
        str | None,
        typer.Argument(
            metavar="SECTION",
            help="Show this part only, such as training.",
            show_default=False,
            autocompletion=completion.sections,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        named("--preset", "Print a preset as YAML with comments, to be saved and changed.", completion.presets),
    ] = None,
    as_json: Json = False,
) -> None:
    """List every setting with its type, default and meaning, and the presets.

    'idm config --preset digits > mine.yaml' makes a settings file for 'idm train mine.yaml --out RUN'.
    """
    from idm.presets import PRESETS
    from idm.settings.listing import every_setting, part

    if preset is not None:
        _print_preset(preset, section, as_json=as_json)
        return
    settings = part(every_setting(), section)
    presets = {name: (PRESETS[name].__doc__ or "").strip().splitlines()[0] for name in PRESETS}
    if as_json:
        print_json({"settings": [setting.to_plain() for setting in settings], "presets": presets})
        return
    output = Output()
    output.line("For --set SECTION.NAME=VALUE or a YAML file: default, meaning (type).")
    _print_settings(settings, output)
    if section is None:
        _print_presets(presets, output)


def _print_preset(name: str, section: str | None, *, as_json: bool) -> None:
    from idm.cli.commented import commented
    from idm.presets import PRESETS
    from idm.settings import to_plain
    from idm.settings.listing import subsection

    experiment = PRESETS.build(name, {})
    plain, source = to_plain(experiment), experiment.data.source
    plain["data"]["source"] = {"name": source.name, **source.not_default}  # the others may be chosen to suit the data
    plain = subsection(plain, section)
    if as_json:
        print_json(plain)
    else:
        print(commented(plain), end="")


def _print_settings(settings: "list[Setting]", output: Output) -> None:
    """Print the settings by section, each with its default, meaning and type."""
    names = max(len(setting.name) for setting in settings) + 2
    defaults = max(len(setting.default) for setting in settings) + 2
    group = None
    for setting in settings:
        if setting.group != group:
            group = setting.group
            output.line()
            output.heading(group or "top level")
        words = f"{setting.meaning} ({setting.kind})"
        output.columns((f"  {setting.name:<{names}}", f"{setting.default or '-':<{defaults}}"), words)


def _print_presets(presets: dict[str, str], output: Output) -> None:
    output.line()
    output.heading("presets, for --preset")
    output.pairs({f"  {name}": meaning for name, meaning in presets.items()})
