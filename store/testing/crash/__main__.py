"""`python -m store.testing.crash`: kill writers until something is lost, or the number is reached."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from store.testing.crash.harness import Tally, campaign


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m store.testing.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="processes to kill (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="repeat the work and the moments of an earlier run")
    parser.add_argument("--writers", type=int, default=3, help="writers at a time (default: %(default)s)")
    parser.add_argument("--directory", type=Path, help="where the stores are made (default: a temporary one)")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    begin = time.monotonic()

    def report(tally: Tally) -> None:
        if sys.stderr.isatty():
            print(f"\r{tally.kills} of {given.kills}", end="", file=sys.stderr, flush=True)

    directory = Path(tempfile.mkdtemp(prefix="crash-", dir=given.directory))
    tally = campaign(directory, given.kills, seed, writers=given.writers, report=report)
    directory.rmdir()  # on a failure it stays, to be looked at
    print(f"{tally}; {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
