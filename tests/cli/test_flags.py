"""The library names arguments, the command line its options: nothing below it knows one."""

import ast
import re
from pathlib import Path

import pytest

import idm
from idm.cli.app import VERBS
from idm.cli.flags import in_options

PACKAGE = Path(idm.__file__).parent
OPTION = re.compile(r"--[a-z][\w-]*[;,.]?")
BELOW = sorted(path for path in PACKAGE.rglob("*.py") if path.parts[len(PACKAGE.parts)] != "cli")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("data.source.path: a folder wanted, got none; give it with data=PATH", "give it with --data PATH"),
        ("out=runs/a b: a new folder wanted", "--out runs/a b: a new folder wanted"),
        ("sigma_rel: a width wanted, got 3", "--sigma-rel: a width wanted, got 3"),
        ("error[E200]: max_time: a duration wanted", "error[E200]: --max-time: a duration wanted"),
        ("if you trust it, give trust_code=True", "if you trust it, give --trust-code"),
        ("'idm train init=runs/a data=x.npy out=NEW'", "'idm train --init runs/a --data x.npy --out NEW'"),
        ("'idm evaluate RUN data=x set=split=test'", "'idm evaluate RUN --data x --set split=test'"),
        ("set=a.b: one value wanted", "--set a.b: one value wanted"),
    ],
)
def test_arguments_become_options(said: str, shown: str) -> None:
    assert in_options(said).endswith(shown)


@pytest.mark.parametrize(
    "text",
    [
        "data.held_out=1 keeps one out",
        "training.data=3",
        "sampler.steps=3",
        "--set data.source.labels=none",
        "samples: finite numbers wanted",
        "http://a/?data=3",
    ],
)
def test_settings_stay_what_they_are(text: str) -> None:
    assert in_options(text) == text


def test_no_text_below_the_command_line_names_an_option() -> None:
    found: list[str] = []
    for path in BELOW:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found += [
            f"{path.relative_to(PACKAGE)}:{node.lineno}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documented
            and any(
                word.startswith("--") and word[2:3].isalpha() and word[-1] != ":"
                for word in node.value.replace("'", " ").split()
            )
        ]
    assert found == []


def test_python_does_what_every_verb_does() -> None:
    page = (PACKAGE.parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {verb.strip(" `") for row in rows for verb in row.split(",")}
    assert told == set(VERBS)
