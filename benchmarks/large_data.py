"""How much memory a large set takes: the figures of docs/data.md.

    python benchmarks/large_data.py --out /tmp/large --gb 10
    python benchmarks/large_data.py --out /tmp/large --gb 1 --kinds HDF5 Zarr

Sparse files of ten kinds are made in the folder, `idm check-data` looks at them, `idm train` takes 20 steps of a tiny
network, and they are deleted. Needs Linux and the packages of all kinds. Of ten gigabytes a kind takes some minutes.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from large.sparse import MAKERS, SETTINGS
from large.watching import Watched, watch

VERBS = CHECK, TRAIN = "check-data", "train"

TINY = (
    *("training.num_steps=20", "training.batch_size=8", "data.held_out=8"),
    *("schedule.num_timesteps=20", "sampler.steps=2"),
    *("network.model_channels=32", "network.channel_mult=[1,1]", "network.num_res_blocks=1"),
    *("network.attention_resolutions=[]", "training.memorisation_interval=0", "training.sample_interval=0"),
)
"""Settings of a training that takes seconds."""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder on a disk that keeps sparse files")
    parser.add_argument("--gb", type=float, default=10.0, help="size of each set, 10^9 bytes")
    parser.add_argument("--kinds", nargs="+", choices=MAKERS, default=list(MAKERS))
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=VERBS)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    print("| kind | command | seconds | resident, MB | of these its own |\n|---|---|---|---|---|", flush=True)
    failed = False
    for kind in asked.kinds:
        for verb, found in measure(kind, int(asked.gb * 1e9), asked.out, asked.verbs):
            sizes = f"{found.seconds:.0f} | {found.resident_mb:,.0f} | {found.anonymous_mb:,.0f}"
            print(f"| {kind} | `{verb}` | {sizes} |", flush=True)
            if found.status:
                failed = True
                print(found.said, file=sys.stderr)
    sys.exit(failed)


def measure(kind: str, num_bytes: int, out: Path, verbs: Sequence[str]) -> Iterator[tuple[str, Watched]]:
    """Make a set, look at it or train on it, and delete all."""
    folder = Path(tempfile.mkdtemp(dir=out))
    try:
        where = MAKERS[kind](folder, num_bytes)
        settings = SETTINGS.get(kind, ())
        given = {
            CHECK: _idm(CHECK, str(where), *_set(settings)),
            TRAIN: _idm(TRAIN, "--data", str(where), "--out", str(folder / "run"), *_set((*settings, *TINY))),
        }
        yield from ((verb, watch(given[verb])) for verb in verbs)
    finally:
        shutil.rmtree(folder)


def _idm(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "idm", *arguments]


def _set(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


if __name__ == "__main__":
    main()
