"""pandas, PyArrow, DuckDB, Dask, Polars and universal-pathlib read and write repos, with no mount."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pandas
import pytest

import store
from pfsfuse.filesystem import PfsFileSystem

# Python 3.12 and later warn of every fork of a process with threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def options(fs: PfsFileSystem) -> dict[str, str]:
    """What pandas and Dask call storage options."""
    return {"store": str(fs.store_path)}


@pytest.fixture
def frame() -> pandas.DataFrame:
    """Five days of rides, two kinds."""
    return pandas.DataFrame({"day": [1, 2, 3, 4, 5], "trips": [10, 20, 30, 40, 50], "kind": list("ababa")})


@pytest.fixture
def parquet(fs: PfsFileSystem, trips: store.Repo, frame: pandas.DataFrame) -> str:
    """A table in two files, of a commit that is not the last; as a URL."""
    with fs.transaction:
        for number, part in enumerate((frame[:3], frame[3:])):
            with fs.open(f"trips/table/{number}.parquet", "wb") as file:
                part.to_parquet(file)
    url = f"pfs://trips@master.{trips.head().depth}/table"
    fs.rm("trips/table", recursive=True)
    return url


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.csv.zip", "a.parquet", "a.json", "a.pickle"])
def test_pandas_reads_what_pandas_wrote_in_one_commit(fs, trips, options, frame, name):
    kind = name.split(".")[1]
    url = f"pfs://trips/new/{name}"
    keep = {"index": False} if kind == "csv" else {}
    getattr(frame, f"to_{kind}")(url, storage_options=options, **keep)
    assert trips.head().depth == 3
    found = getattr(pandas, f"read_{kind}")(f"pfs://trips@master.3/new/{name}", storage_options=options)
    pandas.testing.assert_frame_equal(found, frame)


def test_pandas_appends_to_a_csv(fs, options, frame):
    for number in range(2):
        frame.to_csv("pfs://trips/a.csv", mode="a", header=number == 0, index=False, storage_options=options)
    assert len(pandas.read_csv("pfs://trips/a.csv", storage_options=options)) == 10


def test_pandas_writes_a_partitioned_table_as_one_commit(fs, trips, frame, options):
    with fs.transaction:
        frame.to_parquet("trips/table", partition_cols=["kind"], filesystem=fs)
    assert trips.head().depth == 3
    assert fs.ls("trips/table", detail=False) == ["trips/table/kind=a", "trips/table/kind=b"]
    found = pandas.read_parquet("pfs://trips/table", filters=[("kind", "==", "b")], storage_options=options)
    assert list(found["trips"]) == [20, 40]


def test_pyarrow_reads_a_dataset_of_a_commit(fs, parquet):
    import pyarrow.dataset as arrow

    found = arrow.dataset(parquet.removeprefix("pfs://"), filesystem=fs, format="parquet")
    assert found.count_rows() == 5
    assert found.to_table(filter=arrow.field("day") > 3)["trips"].to_pylist() == [40, 50]


def test_pyarrow_writes_a_dataset_as_one_commit(fs, trips, frame):
    import pyarrow
    import pyarrow.dataset as arrow

    with fs.transaction:
        table = pyarrow.Table.from_pandas(frame)
        arrow.write_dataset(table, "trips/out", filesystem=fs, format="parquet", partitioning=["kind"])
    assert trips.head().depth == 3 and len(fs.find("trips/out")) == 2
    assert arrow.dataset("trips/out", filesystem=fs, partitioning=["kind"]).count_rows() == 5


def test_duckdb_queries_files_of_a_commit_and_copies_out(fs, trips, parquet):
    import duckdb

    with duckdb.connect() as connection:
        connection.register_filesystem(fs)
        query = f"select sum(trips), count(*) from read_parquet('{parquet}/*.parquet')"
        assert connection.sql(query).fetchall() == [(150, 5)]
        connection.sql(f"select day from read_parquet('{parquet}/1.parquet')").write_csv(
            "pfs://trips/days.csv"
        )
        assert connection.sql("select * from 'pfs://trips/days.csv'").fetchall() == [(4,), (5,)]
    assert fs.cat_file("trips/days.csv") == b"day\n4\n5\n"


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_dask_reads_and_writes_in_threads_and_processes(fs, trips, parquet, options, scheduler):
    import dask
    import dask.dataframe

    with dask.config.set(scheduler=scheduler, num_workers=2):
        found = dask.dataframe.read_parquet(parquet, storage_options=options)
        assert int(found["trips"].sum().compute()) == 150
        found.to_csv("pfs://trips/out-*.csv", index=False, storage_options=options)
        assert len(dask.dataframe.read_csv("pfs://trips/out-*.csv", storage_options=options)) == 5
    assert fs.glob("trips/out-*.csv") == ["trips/out-0.csv", "trips/out-1.csv"]


def test_polars_reads_and_writes_through_file_objects_and_datasets(fs, trips, parquet):
    import polars
    import pyarrow.dataset as arrow

    with fs.open(f"{parquet}/0.parquet") as file:
        assert polars.read_parquet(file)["trips"].to_list() == [10, 20, 30]
    dataset = arrow.dataset(parquet.removeprefix("pfs://"), filesystem=fs, format="parquet")
    lazy = polars.scan_pyarrow_dataset(dataset).filter(polars.col("day") > 3).select("trips")
    assert lazy.collect()["trips"].to_list() == [40, 50]
    with fs.open("trips/a.csv", "wb") as file:
        polars.DataFrame({"day": [1]}).write_csv(file)
    assert trips.head().read("a.csv") == b"day\n1\n"


def test_a_universal_path_walks_a_commit(fs, parquet, options):
    import upath

    path = upath.UPath(parquet, **options)
    assert sorted(each.name for each in path.iterdir()) == ["0.parquet", "1.parquet"]
    assert (path / "0.parquet").stat().st_size > 0
    upath.UPath("pfs://trips/note.txt", **options).write_text("text")
    assert fs.cat_file("trips/note.txt") == b"text"


def _read(task: tuple[PfsFileSystem, str]) -> bytes:
    fs, path = task
    with fs.open(f"trips/of-{path.replace('/', '-')}", "wb") as file:
        file.write(b"1")
    return fs.cat_file(path)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes_reads_and_writes(fs, method):
    assert fs.exists("trips")  # the store is open here
    paths = ["trips/7-01-16", "trips@master.1/7-01-16"]
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
        assert list(pool.map(_read, [(fs, path) for path in paths])) == [b"three\n", b"one\n"]
    assert len(fs.glob("trips/of-*")) == 2
