"""Speed beside diffusers, denoising-diffusion-pytorch and plain loops, as paired ratios that a stranger can check.

    python benchmarks/compare.py --out benchmarks/results/cpu
    python benchmarks/compare.py --out runs/compared --only forward sampling --sizes tiny small --rounds 15

Contestants take turns in one process. A peer that is not installed is left out. ``make bench`` installs them first.
"""

import argparse
import gc
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from idm.bench.machine import describe_machine
from idm.bench.run import Bench
from idm.bench.sizes import SIZES
from idm.bench.text import show_on
from idm.cli.output import stdout_console
from idm.core.allocator import keep_freed_memory
from idm.core.errors import IdmError
from idm.core.terminal import TERMINAL
from speed.peers import versions
from speed.run import check, compare
from speed.workloads import WORKLOADS


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for results.json and speed.png")
    for name, known in {"only": WORKLOADS, "sizes": SIZES}.items():
        parser.add_argument(f"--{name}", nargs="+", choices=list(known), default=list(known))
    parser.add_argument("--rounds", type=int, default=7, help="turns that each contestant takes, at least 2")
    given = parser.parse_args(arguments)
    if given.rounds < 2:
        parser.error(f"--rounds: at least 2 wanted, got {given.rounds}")
    keep_freed_memory()
    gc.freeze()  # as in the program: torch's many objects slow no collection down
    command = shlex.join(["python", *(sys.argv if arguments is None else ["compare.py", *arguments])])
    bench = Bench(
        show_on(stdout_console()), given.rounds, command, check, describe_machine() | versions(), listener=TERMINAL
    )
    try:
        compare(bench, given.out, given.only, [SIZES[name] for name in given.sizes])
    except IdmError as error:
        sys.exit(str(error))
    print(f"\nresults in {given.out}")


if __name__ == "__main__":
    main()
