"""YAML as settings need it: plain values only, every name once, numbers in decimal notation."""

from collections.abc import Callable
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from idm.core.text import one_line

TEXT, MERGED = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"
MOST_MERGED = 1_000
"""Most names that a mapping takes over by merge keys: more are no settings."""

DEEPEST = 100
"""Most brackets that may be open at once: for each, PyYAML looks through all others."""

NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """PyYAML's loader of plain values, stricter."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping whose names are all different.

        Raises:
            ComposerError: a name is given twice.
        """
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGED:
                name, line = (key.tag, key.value), key.start_mark.line + 1
                if name in lines:
                    twice = f"'{key.value}' is given twice, in lines {lines[name]} and {line}; leave one of them out"
                    raise ComposerError(problem=twice)
                lines[name] = line
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take over what merge keys (<<) name, unless a few lines of them stand for endlessly many names.

        Raises:
            ConstructorError: they do.
        """
        merged = [part for key, value in node.value if key.tag == MERGED for part in _mappings(value)]
        for part in {id(part): part for part in merged}.values():
            self.flatten_mapping(part)
        if sum(len(part.value) for part in merged) > MOST_MERGED:
            line = node.start_mark.line + 1
            raise ConstructorError(problem=f"more than {MOST_MERGED:,} names to take over by << in line {line}")
        super().flatten_mapping(node)

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803 - PyYAML's name
        """Open a bracket.

        Raises:
            RecursionError: too many are open.
        """
        if self.flow_level >= DEEPEST:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Take 59:59 as text, which YAML 1.1 has as a number to the base of 60."""
        tag = super().resolve(kind, value, implicit)
        return TEXT if tag in NUMBERS and ":" in value else tag


def _mappings(value: yaml.Node) -> list[yaml.MappingNode]:
    """Return the mappings that a merge key names; what else it names is refused later."""
    named = value.value if isinstance(value, yaml.SequenceNode) else [value]
    return [part for part in named if isinstance(part, yaml.MappingNode)]


Construct = Callable[[_Loader, yaml.ScalarNode], int | float]


def _decimal(construct: Construct) -> Construct:
    """Refuse numbers to the base of 60 where they are asked for by ``!!int``: long ones take for ever to convert."""

    def constructed(loader: _Loader, node: yaml.ScalarNode) -> int | float:
        if ":" in node.value:
            raise ConstructorError(problem=f"a number wanted in line {node.start_mark.line + 1}")
        return construct(loader, node)

    return constructed


for tag in NUMBERS:
    _Loader.add_constructor(tag, _decimal(yaml.SafeLoader.yaml_constructors[tag]))


def reason(error: Exception) -> str:
    """Say on one line what is wrong with a text that is no YAML, and in which line of it."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1:,}: {error.problem}"
    return one_line(error)


def read_yaml(text: str) -> Any:
    """Return the plain values that YAML stands for.

    Raises:
        YAMLError: it is no YAML, or gives one name twice.
        ValueError, RecursionError: a value is none of its kind, or values are nested too deeply.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
