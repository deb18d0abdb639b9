"""Settings in YAML: every name once, and no numbers that take for ever to read."""

import itertools
import time
from pathlib import Path

import pytest
import yaml

from idm.core.errors import SettingsError
from idm.settings.files import parse_override, read_settings
from idm.settings.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "name", "lines"),
    [
        ("seed: 1\nseed: 2\n", "seed", (1, 2)),
        ("training: {num_steps: 1, num_steps: 1}\n", "num_steps", (1, 1)),
        ("data:\n  source:\n    path: a\n    name: b\n    path: c\n", "path", (3, 5)),
        ("- {a: 1}\n- {b: 1,\n   b: 2}\n", "b", (2, 3)),
        ("a: &one {b: 1}\nc:\n  <<: *one\n  d: 1\n  'd': 2\n", "d", (4, 5)),
    ],
)
def test_a_name_that_is_given_twice_is_refused_with_both_lines(text, name, lines):
    with pytest.raises(yaml.YAMLError, match=f"'{name}' is given twice, in lines {lines[0]} and {lines[1]}"):
        read_yaml(text)


def test_what_is_merged_gives_way_to_a_mappings_own_names():
    assert read_yaml("a: &one {b: 1, c: 2}\nd:\n  <<: *one\n  b: 3\n")["d"] == {"b": 3, "c": 2}


def test_the_same_name_in_different_sections_is_no_repetition():
    assert read_yaml("a: {name: 1}\nb: {name: 2}\n") == {"a": {"name": 1}, "b": {"name": 2}}


def test_numbers_to_the_base_of_60_are_text_and_others_are_numbers():
    text = "[59:59, 1:30.5, 12, -3, 1_000, 0x10, 2.5, 1.0e+3, .inf]"
    assert read_yaml(text) == ["59:59", "1:30.5", 12, -3, 1000, 16, 2.5, 1000.0, float("inf")]


SEXAGESIMAL = ":".join(["59"] * 50_000)


def test_a_long_number_to_the_base_of_60_is_text_in_no_time(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text(f"seed: {SEXAGESIMAL}\n")
    began = time.process_time()
    assert read_settings(file) == {"seed": SEXAGESIMAL}
    assert time.process_time() - began < 5


@pytest.mark.parametrize("tag", ["!!int", "!!float"])
def test_one_that_calls_itself_a_number_is_refused_in_no_time(tmp_path, tag):
    file = tmp_path / "settings.yaml"
    file.write_text(f"seed: {tag} {SEXAGESIMAL}\n")
    began = time.process_time()
    with pytest.raises(SettingsError, match=r"settings\.yaml: .*a number wanted in line 1"):
        read_settings(file)
    assert time.process_time() - began < 5


def test_a_file_of_settings_with_a_repeated_name_is_named(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 1\nseed: 2\n")
    with pytest.raises(SettingsError, match=r"mine\.yaml: .*'seed' is given twice, in lines 1 and 2") as caught:
        read_settings(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"seed: !!python/object/apply:os.system [true]\n",
        b"seed: \xff\xfe\n",
        b"seed: [" * 5_000,
        b"seed:\n\t- 1\n",
        b"a: &a [*a]\n? [1, 2]\n: 3\n",
        b"- 1\n",
    ],
)
def test_what_is_no_settings_gives_one_line_with_the_files_name(tmp_path, content):
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"odd\.yaml") as caught:
        read_settings(file)
    assert len(caught.value.lines) == 1


def test_a_mark_at_the_beginning_as_windows_writes_it_is_no_part_of_a_name(tmp_path):
    file = tmp_path / "windows.yaml"
    file.write_bytes(b"\xef\xbb\xbfseed: 3\r\n")
    assert read_settings(file) == {"seed": 3}


def test_merge_keys_that_stand_for_endlessly_many_names_are_refused_in_no_time(tmp_path):
    names = [f"m{i}" for i in range(12)]
    lines = [f"{names[0]}: &{names[0]} {{{', '.join(f'k{i}: 1' for i in range(200))}}}"]
    lines += [
        f"{name}: &{name} {{<<: [{', '.join([f'*{below}'] * 10)}], {name}: 1}}"
        for below, name in itertools.pairwise(names)
    ]
    file = tmp_path / "merged.yaml"
    file.write_text("\n".join(lines))
    began = time.process_time()
    with pytest.raises(SettingsError, match=r"merged\.yaml: .*names to take over by << in line 2"):
        read_settings(file)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"seed: 1\na:\n\tb: 1\n", "line 3: "),
        ("seed: 1\n".encode("utf-16"), "UTF-8 wanted"),
        (b"seed: 1 #" + b" " * 2**18, "at most 262,144 bytes wanted"),
        (b"seed: !!python/name:os.system\n", "line 1: could not determine a constructor"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(tmp_path, content, words):
    file = tmp_path / "odd.yaml"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        read_settings(file)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a file without an end")
def test_a_file_without_an_end_is_refused():
    with pytest.raises(SettingsError, match="at most"):
        read_settings("/dev/zero")


def test_an_option_is_read_in_the_same_way():
    assert parse_override("seed=59:59") == {"seed": "59:59"}
    assert parse_override("a.b={c: 1, c: 2}") == {"a": {"b": "{c: 1, c: 2}"}}
