"""What a check of data finds."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from idm.core.text import counted
from idm.data.base import Source
from idm.data.check.leaks import Leak, leaks_in_words
from idm.data.check.values import ValuesFound
from idm.data.sizes import Sizes
from idm.data.sources.index import FileEntry, Index
from idm.data.sources.indexed import ENCODED, MAX_REFUSED, WHOLE

FEW_PER_CLASS = 10
"""The largest class is called out when it has more than this many times the samples of the smallest."""

FLAT = "one value everywhere"
"""What samples have in common whose values are all the same."""

FEW_NAMED = 3
"""Most of them that a line names."""


@dataclass(frozen=True)
class OddGroup:
    """Samples that have something unusual in common.

    Attributes:
        reason: what it is.
        names: the files, or the numbers of samples.
    """

    reason: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class DataCheck:
    """What was found at a path.

    Attributes:
        path: what was checked.
        source: name of the source that training would open; None if none fits.
        options: its options.
        files: the index.
        skipped: files that are not read, because they are of other kinds.
        refusals: what training would say, one line per wrong file or property; empty if it would start.
        num_samples: how many samples there are without the refused ones.
        counts: how often each value of a property occurs, by name of the property.
        classes: number of samples of each class; None without classes.
        low: smallest value of each channel.
        high: largest value of each channel.
        duplicates: names of samples with equal contents, group by group.
        odd: unusual samples by what they have in common.
        opened: the source, where it could be opened.
        class_names: names of the classes in the order of their numbers; None without classes.
        values: the range of the values, where the source could be opened.
        outside: files that lie outside of the folder they are listed in.
        apart: columns or arrays that are neither samples nor labels.
        patches: size and stride of patches that samples are cut into; 0: none.
        leaks: contents that are on both sides of the split; None where the data could not be opened and split.
        condition: what the network would be shown beside samples, in words; "": nothing.
        scaled: what bringing images to one size does to them, in words that follow their number; "": nothing.
    """

    path: str
    source: str | None
    options: Mapping[str, Any]
    files: tuple[FileEntry, ...]
    skipped: tuple[str, ...]
    refusals: tuple[str, ...]
    num_samples: int
    counts: Mapping[str, Mapping[str, int]]
    classes: Mapping[str, int] | None
    low: tuple[int | float, ...]
    high: tuple[int | float, ...]
    duplicates: tuple[tuple[str, ...], ...]
    odd: tuple[OddGroup, ...]
    opened: Source | None = field(default=None, repr=False)
    class_names: tuple[str, ...] | None = None
    values: ValuesFound | None = None
    outside: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    patches: tuple[Sizes, Sizes] = (0, 0)
    leaks: tuple[Leak, ...] | None = None
    condition: str = ""
    scaled: str = ""

    @property
    def index(self) -> Index | None:
        """Return what training needs to read just these files; None for data that are no files, or an index already."""
        if self.source not in ENCODED | WHOLE:
            return None
        folder, file = folder_and_file(Path(self.path).absolute())
        size = self.options.get("image_size")
        further = {key: value for key, value in self.options.items() if key != "path"}
        return Index(self.source, str(folder), file, size, self.class_names, self.files, further)

    @property
    def left_out(self) -> int | None:
        """Return how many refused images training on the index would do without; None where it would refuse them."""
        refused = sum(entry.refusal is not None for entry in self.files)
        if self.apart and self.source in ENCODED:
            return None  # the index of images has no columns
        if len(self.refusals) > refused or refused > (MAX_REFUSED * len(self.files) if self.source in ENCODED else 0):
            return None
        return refused

    @property
    def conversions(self) -> dict[str, int]:
        """Return how many files are converted in which way."""
        return count(words for entry in self.files for words in entry.conversions)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return what is no reason to refuse the data, but worth knowing before training."""
        found = [] if self.opened is None else list(self.opened.remarks)
        if self.duplicates:
            copies = sum(len(group) - 1 for group in self.duplicates)
            words = "1 copy" if copies == 1 else f"{copies:,} copies"
            told = "; copies may end up on both sides of the held-out split" if self.leaks is None else ""
            none = self.leaks is not None and all(leak.mirrored for leak in self.leaks)
            found.append(f"{words} of other samples{told}{', none of them on both sides of the split' if none else ''}")
        found += leaks_in_words(self.leaks or ())
        sizes = list(self.classes.values()) if self.classes else []
        if sizes and max(sizes) > FEW_PER_CLASS * min(sizes):
            found.append(f"classes from {min(sizes):,} to {max(sizes):,} samples")
        found += [_flat_in_words(group.names) for group in self.odd if group.reason == FLAT]
        if len(self.counts.get("size", {})) > 1:
            found.append(f"{len(self.counts['size']):,} different sizes{self.scaled}")
        if self.outside:
            found.append(
                f"{counted(len(self.outside), 'file')} outside of the folder they are listed in, such as "
                f"{self.outside[0]}; training reads them, too"
            )
        return (*found, *(() if self.values is None else self.values.remarks))

    def to_plain(self) -> dict[str, Any]:
        """Return JSON-able values, without the index."""
        return {
            "path": self.path,
            "source": self.source,
            "options": dict(self.options),
            "num_files": len(self.files),
            "num_samples": self.num_samples,
            "described": None if self.opened is None else self.opened.describe(),
            "counts": {name: dict(values) for name, values in self.counts.items()},
            "classes": None if self.classes is None else dict(self.classes),
            "values": {"low": list(self.low), "high": list(self.high)}
            | ({} if self.values is None else self.values.to_plain()),
            "condition": self.condition,
            "conversions": self.conversions,
            "duplicates": [list(group) for group in self.duplicates],
            "leaks": None if self.leaks is None else [asdict(leak) for leak in self.leaks],
            "odd": [asdict(group) for group in self.odd],
            "skipped": list(self.skipped),
            "remarks": list(self.remarks),
            "refusals": list(self.refusals),
        }


def _flat_in_words(names: Sequence[str]) -> str:
    """Say which samples have one value everywhere."""
    more = len(names) - FEW_NAMED
    listed = ", ".join(names[:FEW_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return f"{counted(len(names), 'sample')} with {FLAT}: {listed}"


def count(values: Any) -> dict[str, int]:
    """Count how often each value occurs, most frequent first."""
    found: dict[str, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def odd_copies(duplicates: Sequence[Sequence[str]], leaks: Sequence[Leak] | None) -> list[tuple[str, str]]:
    """Return (reason, name) pairs of samples that are copies of others, those on both sides of the split first."""
    sides = ("on both sides of the split, mirrored", "on both sides of the split")
    leaking = [(sides[not leak.mirrored], name) for leak in leaks or () for name in (*leak.train, *leak.held_out)]
    return leaking + [("same contents as another", name) for group in duplicates for name in group]


def odd_groups(reasons: Sequence[tuple[str, str]]) -> tuple[OddGroup, ...]:
    """Gather (reason, name) pairs by reason, in the order in which the reasons come."""
    groups: dict[str, list[str]] = {}
    for reason, name in reasons:
        groups.setdefault(reason, []).append(name)
    return tuple(OddGroup(reason, tuple(names)) for reason, names in groups.items())


def folder_and_file(path: Path) -> tuple[Path, str]:
    """Say which folder the paths in an index are relative to, and which file in it was checked; "": the folder."""
    return (path, "") if path.is_dir() else (path.parent, path.name)
