"""What messages of the library name, written as it is typed here: arguments as options, calls as commands."""

import re
from typing import final

from idm.cli.output import command
from idm.core.phrasing import Call

FIRST = (
    "against",
    "autoguidance",
    "autoguidance_from",
    "budget",
    "cache",
    "calls",
    "class_particles",
    "classifier_scale",
    "condition",
    "device",
    "features",
    "flow_steps",
    "formats",
    "guidance",
    "guidance_interval",
    "guidance_rule",
    "head",
    "init",
    "label_a",
    "label_b",
    "labels",
    "maps",
    "max_time",
    "method",
    "metrics",
    "noise",
    "num",
    "num_levels",
    "operator",
    "plan",
    "precision",
    "preset",
    "samplers",
    "samples_from",
    "save_reference",
    "scores",
    "sections",
    "sigma_rel",
    "spacing",
    "step",
    "steps",
    "strength",
    "target_se",
    "variance",
)
"""Arguments that a message about them begins with. Not ``data`` and ``samples``, which begin messages about these."""

GIVEN = (
    "against",
    "autoguidance",
    "autoguidance_from",
    "cache",
    "class_particles",
    "classifier",
    "condition",
    "data",
    "device",
    "features",
    "figures",
    "flags",
    "formats",
    "guidance",
    "head",
    "init",
    "label_a",
    "label_b",
    "labels",
    "method",
    "metrics",
    "num_levels",
    "operator",
    "out",
    "plan",
    "preset",
    "sampler",
    "samples",
    "samples_from",
    "save_reference",
    "scores",
    "set",
    "steps",
)
"""Arguments that messages give values to."""

SHORTER = {"formats": "format", "num_levels": "levels", "samples_from": "from"}
"""Options that are called otherwise than their arguments."""

HEADING = re.compile(rf"^((?:error\[\w+\]: |warning: )?)({'|'.join(FIRST)})(?=: )")
VALUE = re.compile(rf"(?:(?<=^)|(?<=[ \'\"(]))({'|'.join(GIVEN)})=")
SAME = {"make the same call": "run the same command", "the same call": "the same command"}
"""What goes on from where it was, in Python and here."""

TRUE = re.compile(r"(?<![\w.=\-/])(simulate|trust_code)=True\b")


def in_options(text: str) -> str:
    """Write ``data=PATH`` as ``--data PATH``, and the argument that a line begins with as its option."""
    text = HEADING.sub(lambda found: found[1] + option(found[2]), text)
    for call, ours in SAME.items():
        text = text.replace(call, ours)
    return TRUE.sub(lambda found: option(found[1]), VALUE.sub(lambda found: f"{option(found[1])} ", text))


def option(name: str) -> str:
    """Return the option that an argument is given by."""
    return f"--{SHORTER.get(name, name).replace('_', '-')}"


@final
class CommandLine:
    """Writes what messages name as it is typed in a shell."""

    def text(self, text: str) -> str:
        """Write arguments as options."""
        return in_options(text)

    def call(self, call: Call) -> str:
        """Write a call as a command."""
        given = [(name, value) for name, value in call.options.items() if value is not None]
        return command("idm", *call.words, *(word for name, value in given for word in (option(name), value)))
