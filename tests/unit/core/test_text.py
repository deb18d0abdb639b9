"""Text from elsewhere, made fit to be shown."""

import json

import pytest

from idm.core.text import counted, in_quotes, json_text, printable

ACTED_ON = ["\x00", "\x07", "\n", "\r", "\x1b[31m", "\x7f", "\x9b31m", "\u200b", "\u202e", "\u2066", "\u2028", "\udc80"]
"""Controls of both tables, invisible and turning marks, a line separator, half of a surrogate pair."""


@pytest.mark.parametrize("text", ACTED_ON)
def test_what_a_terminal_would_act_on_is_written_out(text):
    shown = printable(f"a{text}b")
    assert shown.isprintable()
    assert shown.encode("ascii").decode("unicode_escape").encode("utf-16", "surrogatepass") == f"a{text}b".encode(
        "utf-16", "surrogatepass"
    )


@pytest.mark.parametrize("text", ["", "Ω", "naïve", "猫", "a\\n", "[/bold]", "😀"])
def test_other_text_is_left_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize("text", [*ACTED_ON, "Ω", '"', "\\", "\U000e0001", "😀"])
def test_json_holds_printable_characters_alone_and_says_the_same(text):
    shown = json_text({text: [text]}, indent=1)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert json.loads(shown) == {text: [text]}


def test_words_that_are_printable_are_readable_in_json():
    assert json_text({"Ω": "猫"}) == '{"Ω": "猫"}'


def test_a_command_stands_between_quotes_that_it_does_not_hold():
    assert [in_quotes(text) for text in ("idm", "cd 'a b'", "a 'b' \"c\"")] == [
        "'idm'",
        "\"cd 'a b'\"",
        "`a 'b' \"c\"`",
    ]


def test_one_thing_is_counted_in_the_singular():
    assert [counted(number, "file") for number in (0, 1, 2, 1200)] == ["0 files", "1 file", "2 files", "1,200 files"]
    assert [counted(number, "class") for number in (1, 2)] == ["1 class", "2 classes"]
