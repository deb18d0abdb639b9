"""The library names arguments, the command line its options: nothing below it knows one."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

import idm
from idm.cli.app import VERBS, make_app
from idm.cli.flags import FIRST, GIVEN, CommandLine, in_options, option
from idm.core.phrasing import Call, phrased_by

PACKAGE = Path(idm.__file__).parent
OPTION = re.compile(r"--[a-z][\w-]*[;,.]?")
COMMANDS: Any = typer.main.get_command(make_app())
OPTIONS = {word for verb in COMMANDS.commands.values() for parameter in verb.params for word in parameter.opts}
NOUNS = {
    "batch_size": "refused by the command line itself",
    "classifier": "a classifier: of samples, or of noisy data",
    "data": "the data",
    "eta": "told of the command line as sampler.eta",
    "levels": "those of quantised data",
    "sampler": "an object of Python",
    "samples": "the samples",
    "seed": "refused by the command line itself",
}
"""What messages begin with that is called like an option, with what is meant."""

BELOW = sorted(path for path in PACKAGE.rglob("*.py") if path.parts[len(PACKAGE.parts)] != "cli")


def heads_of_messages(path: Path) -> set[str]:
    """Words before the colon with which texts of errors and warnings begin."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    said = [call for call in calls if re.search(r"Error$|^warn|unknown_name$", ast.unparse(call.func))]
    texts = [ast.unparse(argument).lstrip("f").strip("'\"") for call in said for argument in call.args]
    return {found[1] for text in texts if (found := re.match(r"(\w+): ", text))}


def texts_of(path: Path) -> list[tuple[str, str]]:
    """Where texts are, and what they say, without those that only document."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (f"{path.relative_to(PACKAGE)}:{node.lineno}", node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented
    ]


@cache
def texts() -> list[tuple[str, str]]:
    """Those of everything below the command line."""
    return [text for path in BELOW for text in texts_of(path)]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("data.source.path: a folder wanted, got none; give it with data=PATH", "give it with --data PATH"),
        ("out=runs/a b: a new folder wanted", "--out runs/a b: a new folder wanted"),
        ("sigma_rel: a width wanted, got 3", "--sigma-rel: a width wanted, got 3"),
        ("error[E200]: max_time: a duration wanted", "error[E200]: --max-time: a duration wanted"),
        ("if you trust it, give trust_code=True", "if you trust it, give --trust-code"),
        ("error[E200]: labels: one of the 10 classes", "error[E200]: --labels: one of the 10 classes"),
        ("warning: init: 1 of 2 classes", "warning: --init: 1 of 2 classes"),
        ("guidance=2.0: a network trained with classes", "--guidance 2.0: a network trained with classes"),
        ("samples=20: training data; leave out samples=N or data=PATH", "leave out --samples N or --data PATH"),
        ("set=a.b: one value wanted", "--set a.b: one value wanted"),
        ("saved in run; make the same call to continue", "saved in run; run the same command to continue"),
        ("the same call again draws the rest", "the same command again draws the rest"),
    ],
)
def test_arguments_become_options(said: str, shown: str) -> None:
    assert in_options(said).endswith(shown)


def test_every_argument_is_an_option_of_some_verb() -> None:
    assert {option(name) for name in (*FIRST, *GIVEN)} <= OPTIONS


def test_no_message_begins_with_an_argument_that_stays_one() -> None:
    heads = {head for path in BELOW for head in heads_of_messages(path) if option(head) in OPTIONS}
    assert {head for head in heads if in_options(f"{head}: ") == f"{head}: "} <= NOUNS.keys()


def test_calls_that_are_advised_are_python_or_commands() -> None:
    call = Call('idm.train(idm.make_experiment("a b"), "NEW")', ("train",), {"data": "a b", "init": None, "out": "NEW"})
    assert str(call) == """'idm.train(idm.make_experiment("a b"), "NEW")'"""
    with phrased_by(CommandLine()):
        assert str(call) == """"idm train --data 'a b' --out NEW\""""


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
    found = [
        f"{where}: {text}"
        for where, text in texts()
        if any(
            word.startswith("--") and word[2:3].isalpha() and word[-1] != ":" for word in text.replace("'", " ").split()
        )
    ]
    assert found == []


def test_no_text_below_the_command_line_speaks_of_running_a_command_again() -> None:
    assert [where for where, text in texts() if "same command" in text or "command again" in text] == []


def test_python_does_what_every_verb_does() -> None:
    page = (PACKAGE.parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {verb.strip(" `") for row in rows for verb in row.split(",")}
    assert told == set(VERBS)
