"""Arguments that messages of the library name, written as the options that the command line takes them by."""

import re

FIRST = ("label_a", "label_b", "max_time", "num", "sigma_rel", "step")
"""Arguments that a message about them begins with."""

GIVEN = ("data", "device", "flags", "init", "label_a", "label_b", "labels", "out", "preset", "sampler", "set", "steps")
"""Arguments that messages give values to."""

HEADING = re.compile(rf"^((?:error\[\w+\]: |warning: )?)({'|'.join(FIRST)})(?=: )")
VALUE = re.compile(rf"(?:(?<=^)|(?<=[ \'\"(]))({'|'.join(GIVEN)})=")
TRUE = re.compile(r"(?<![\w.=\-/])trust_code=True\b")


def in_options(text: str) -> str:
    """Write ``data=PATH`` as ``--data PATH``, and the argument that a line begins with as its option."""
    text = HEADING.sub(lambda found: found[1] + _option(found[2]), text)
    return TRUE.sub("--trust-code", VALUE.sub(lambda found: f"{_option(found[1])} ", text))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
