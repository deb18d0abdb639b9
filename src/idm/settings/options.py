"""The options of every member of the open families, a class each: ``SamplerDDIMOptions``, ``UNetOptions``, ...

They are made of the members' signatures, so that no option is written twice. Editors and type checkers read them in
options.pyi, which ``idm.settings.stub`` writes.
"""

from typing import Any

ConditionOptions = NetworkOptions = SamplerOptions = ScheduleOptions = SourceOptions = TimestepOptions = Any
"""Those of any member of a family; to type checkers the union of its classes."""


def __getattr__(name: str) -> Any:
    """Return the class of that name."""
    if name.endswith("Options"):
        from idm.settings.experiment import OPEN_SECTIONS  # sections name their options' types

        kinds = (section.options_of(member) for section in OPEN_SECTIONS for member in section.family)
        for kind in kinds:
            if kind.__name__ == name:
                return kind
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
