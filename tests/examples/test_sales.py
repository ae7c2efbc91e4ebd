"""The pipeline's program, run on ordinary directories."""

from __future__ import annotations

import csv
from pathlib import Path


def test_sales_are_five_dollars_a_trip_for_each_day_in_the_order_of_days(plain_pfs: Path) -> None:
    with (plain_pfs / "sales" / "sales.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["date", "sales"]
    assert [date for date, _ in rows] == [f"2016-07-{day:02}" for day in range(1, 32)]
    sales = dict(rows)
    assert (sales["2016-07-01"], sales["2016-07-30"], sales["2016-07-31"]) == ("198325", "138900", "138255")
