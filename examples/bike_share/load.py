"""Load 2016's bike-share days into two repos, the way such data arrives: one day after the other.

`bikeshare-2016.csv` holds one row per day. Each row becomes two files, as their publishers shape them,

    trips/7-01-16        the day's row of Citi Bike's daily table, header included
    weather/2016-07-01   the day's forecast, as a weather service answers

and each file becomes one commit, in order, so that `trips@master.31` is 31 July. Days that are
there already are left alone: running this twice changes nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

import store
from pfsfuse import config

TABLE = Path(__file__).with_name("bikeshare-2016.csv")
JULY = 31

NEW_YORK = timezone(timedelta(hours=-4))
"""The whole table lies in summer time, so the offset is constant and no time zone database is needed."""

COLUMNS = {
    "Date": "date",
    "Trips over the past 24-hours (midnight to 11:59pm)": "trips",
    "Cumulative trips (since launch):": "cumulative_trips",
    "Miles traveled today (midnight to 11:59 pm)": "miles",
    "Miles traveled to date:": "cumulative_miles",
    "Total Annual Members": "annual_members",
    "24-Hour Passes Purchased (midnight to 11:59 pm)": "passes_24h",
    "3-Day Passes Purchased (midnight to 11:59 pm)": "passes_3d",
}
"""Citi Bike's heading → our table's."""


@dataclass(frozen=True, slots=True)
class DayFile:
    """One file of one day, and where it goes."""

    repo: str
    name: str
    data: bytes


def trips_file(row: dict[str, str]) -> DayFile:
    day = date.fromisoformat(row["date"])
    values = {**row, "date": f"{day.month}/{day.day}/{day:%y}"}
    lines = [",".join(COLUMNS), ",".join(values[column] for column in COLUMNS.values())]
    return DayFile("trips", f"{day.month}-{day:%d-%y}", "".join(line + "\n" for line in lines).encode())


def weather_file(row: dict[str, str]) -> DayFile:
    day = date.fromisoformat(row["date"])
    forecast = {
        "latitude": 40.7128,
        "longitude": -74.0059,
        "timezone": "America/New_York",
        "offset": -4,
        "daily": {
            "data": [
                {
                    "time": int(datetime.combine(day, time(), NEW_YORK).timestamp()),
                    "precipProbability": float(row["precip_probability"]),
                    "temperatureMin": float(row["temperature_min_f"]),
                    "temperatureMax": float(row["temperature_max_f"]),
                }
            ]
        },
        "flags": {"units": "us"},
    }
    return DayFile("weather", row["date"], json.dumps(forecast, indent=2).encode() + b"\n")


def day_files(days: int | None) -> Iterator[DayFile]:
    """Two files for each of the first `days` days (None: all), in the order of the calendar."""
    with TABLE.open(newline="") as table:
        for row in list(csv.DictReader(table))[:days]:
            yield trips_file(row)
            yield weather_file(row)


def write_to(directory: Path, files: Iterable[DayFile]) -> None:
    """Write the files to an ordinary directory, for a look or for `pfs put`."""
    for file in files:
        path = directory / file.repo / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)


def load(pfs: store.Store, files: Iterable[DayFile]) -> int:
    """Commit each file to its repo's `master`, one commit each; returns how many were new.

    Interrupted anywhere, it can be run again: every file is one commit, there or not there.
    """
    new = 0
    for file in files:
        repo = pfs.find_repo(file.repo) or pfs.create_repo(file.repo)
        with repo.edit("master", message=file.name) as edit:
            edit.write(file.name, file.data)  # equal bytes under the same name are no change, and no commit
        new += edit.changed
    return new


def number_of_days(text: str) -> int:
    """What `--days` takes."""
    if not text.isdecimal() or not 1 <= int(text) <= 92:
        raise argparse.ArgumentTypeError(f"the table has 92 days, so 1 to 92 can be loaded, not {text!r}")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Load New York's bike-share days of 2016, one commit a day.")
    parser.add_argument("--store", type=Path, help="the store (default: as for pfs)")
    parser.add_argument("--to", type=Path, metavar="DIR", help="write the files to DIR, not to a store")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--days", type=number_of_days, default=JULY, help="how many, from 1 July (default: 31)"
    )
    amount.add_argument("--all", action="store_const", const=None, dest="days", help="all 92 days")
    args = parser.parse_args()

    files = list(day_files(args.days))
    try:
        if args.to is not None:
            write_to(args.to, files)
            return
        with store.open_or_create(args.store or config.load(os.environ).store) as pfs:
            new = load(pfs, files)
    except (store.StoreError, config.ConfigError) as error:
        sys.exit(f"load.py: {error}; {error.hint()}".removesuffix("; "))
    except OSError as error:
        sys.exit(f"load.py: {error}")
    except KeyboardInterrupt:
        print("\nload.py: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)
    print(f"{new} new commits, {len(files) - new} files were there")


if __name__ == "__main__":
    main()
