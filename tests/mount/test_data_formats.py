"""Formats that data comes in: written, appended to and read in a draft, and read from its commit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pfsfuse.testing.mounted import Mounted
from store import Repo

pytestmark = [pytest.mark.usefixtures("fuse"), pytest.mark.slow]


@dataclass(frozen=True)
class Format:
    """Programs that work in the current directory, each a process of its own. Tables and arrays are 0, 1, 2, …"""

    library: str
    write: str
    """Makes `data` with 10,000 values."""
    append: str
    """Opens it again, and adds as many."""
    read: str
    """Gives `found`, all values as a list, without writing anything."""


FORMATS = {
    "hdf5": Format(
        "h5py",
        """
import h5py, numpy
with h5py.File("data.h5", "w") as file:
    made = file.create_dataset(
        "july/rides", data=numpy.arange(10_000), maxshape=(None,), chunks=(1000,), compression="gzip"
    )
    made.attrs["unit"] = "rides"
""",
        """
import h5py, numpy
with h5py.File("data.h5", "a") as file:
    rides = file["july/rides"]
    rides.resize((20_000,))
    rides[10_000:] = numpy.arange(10_000, 20_000)
    rides[0] = -1
    file.flush()
    rides[0] = 0
""",
        """
import h5py
with h5py.File("data.h5", "r") as file:
    assert file["july/rides"].attrs["unit"] == "rides"
    found = file["july/rides"][:].tolist()
""",
    ),
    "zarr": Format(
        "zarr",
        """
import numpy, zarr
group = zarr.open_group("data.zarr", mode="w")
rides = group.create_group("july").create_array("rides", shape=(10_000,), chunks=(1000,), dtype="i8")
rides[:] = numpy.arange(10_000)
rides.attrs["unit"] = "rides"
""",
        """
import numpy, zarr
rides = zarr.open_group("data.zarr", mode="a")["july/rides"]
rides.append(numpy.arange(10_000, 20_000))
""",
        """
import zarr
rides = zarr.open_group("data.zarr", mode="r")["july/rides"]
assert rides.attrs["unit"] == "rides"
found = rides[:].tolist()
""",
    ),
    "parquet": Format(
        "pyarrow",
        """
import pyarrow as pa, pyarrow.parquet as pq
from pathlib import Path
Path("data").mkdir()
pq.write_table(pa.table({"rides": range(10_000)}), "data/0.parquet", row_group_size=1000)
""",
        """
import pyarrow as pa, pyarrow.dataset as ds, pyarrow.parquet as pq
table = pa.table({"rides": range(10_000, 20_000)})
ds.write_dataset(table, "data", format="parquet", basename_template="1.{i}.parquet",
                 existing_data_behavior="overwrite_or_ignore")
""",
        """
import pyarrow.dataset as ds
found = ds.dataset("data").sort_by("rides").to_table()["rides"].to_pylist()
""",
    ),
    "duckdb": Format(
        "duckdb",
        """
import duckdb
with duckdb.connect("data.duckdb") as database:
    database.execute("create table rides as select range as n from range(10000)")
""",
        """
import duckdb
with duckdb.connect("data.duckdb") as database:
    database.execute("insert into rides select range from range(10000, 20000)")
    database.execute("begin; delete from rides; rollback")
""",
        """
import duckdb
with duckdb.connect("data.duckdb", read_only=True) as database:
    found = [row[0] for row in database.execute("select n from rides order by n").fetchall()]
""",
    ),
}


def run(code: str, directory: Path) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_written_appended_to_and_read_in_a_draft_and_read_from_its_commits(
    trips: Repo, mount: Mounted, branch: Path, name: str
) -> None:
    form = FORMATS[name]
    pytest.importorskip(form.library)
    run(form.write, branch)
    mount.stage()
    trips.commit_draft(message="written")
    mount.refresh()
    run(form.append, branch)
    all_of_it = f"{form.read}\nassert found == list(range(20_000)), found[:20]"
    run(all_of_it, branch)
    mount.stage()
    run(all_of_it, branch)
    trips.commit_draft(message="appended to")
    mount.refresh()
    run(all_of_it, mount.path / f"{trips.name}@master.2")
    run(f"{form.read}\nassert found == list(range(10_000))", mount.path / f"{trips.name}@master.1")
