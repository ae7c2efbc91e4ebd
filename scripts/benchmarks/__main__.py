"""Runs one suite of rows and prints a table of Markdown, or JSON with --json.

    scripts/bench store                     every row, beside every peer that is installed
    scripts/bench store put-big read        some rows; --list names them all
    scripts/bench mount                     the mount, beside the disk and others who mount the same files
    scripts/bench pipelines                 what a datum costs, beside a shell loop
    scripts/bench store --quick             small sizes, one run: whether it works, not how fast it is

Data sets are made once and kept in the directory --data (else $TMPDIR/pfs-bench): about 2.5 GB. Stores are made in a
fresh directory beside it, on the same disk, and removed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path

from scripts.benchmarks import report
from scripts.benchmarks.bench import Bench, Row
from scripts.benchmarks.peers import PEERS

SUITES = ("store", "mount", "pipelines")
"""Modules of this folder that have a tuple ROWS."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("rows", nargs="*", metavar="NAME", help="rows to measure; all when none is named")
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir(), "pfs-bench"), metavar="DIR")
    parser.add_argument(
        "--runs", type=int, default=3, metavar="N", help="runs of each contender, interleaved"
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=20,
        metavar="S",
        help="seconds from which a contender is not run again",
    )
    parser.add_argument(
        "--peers",
        default=",".join(PEERS),
        metavar="NAMES",
        help="peers to measure; '' for none (default: %(default)s)",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one run")
    parser.add_argument(
        "--json", action="store_true", help="JSON with every single run, instead of the table"
    )
    return parser.parse_intermixed_args()  # rows may stand before options and after them


def main() -> int:
    asked = arguments()
    known: tuple[Row, ...] = importlib.import_module(f"scripts.benchmarks.{asked.suite}").ROWS
    if asked.list:
        print("\n".join(f"{row.name:16} {row.work}" for row in known))
        return 0
    if unknown := set(asked.rows) - {row.name for row in known}:
        print(f"error: no row is called {', '.join(sorted(unknown))}; --list names them", file=sys.stderr)
        return 2
    if unknown := {name for name in asked.peers.split(",") if name} - set(PEERS):
        print(
            f"error: no peer is called {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}",
            file=sys.stderr,
        )
        return 2
    bench = Bench.prepared(
        asked.data.absolute(),
        runs=1 if asked.quick else asked.runs,
        budget=asked.budget,
        quick=asked.quick,
        peers=[name for name in asked.peers.split(",") if name],
    )
    with bench:
        results = [report.measured(bench, row) for row in known if not asked.rows or row.name in asked.rows]
    machine = report.machine(bench)
    print(
        json.dumps(report.as_json(machine, results), indent=1)
        if asked.json
        else report.table(machine, results)
    )
    return 1 if any(result.error for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
