"""What a URL says."""

from __future__ import annotations

from urllib.parse import urlsplit

import fsspec
import pytest

from pfsfuse.filesystem import PfsFileSystem
from pfsfuse.filesystem.address import Address, parse


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("pfs://trips@master.31/7-31-16", Address("trips", "master.31", "7-31-16")),
        ("trips@master.31/7-31-16", Address("trips", "master.31", "7-31-16")),
        ("pfs://trips", Address("trips", None, "")),
        ("pfs:///trips//2016///07/", Address("trips", None, "2016/07")),
        ("pfs:trips/a", Address("trips", None, "a")),
        ("pfs://trips@", Address("trips", "", "")),
        ("pfs://", Address("", None, "")),
        ("pfs://trips@v1.2~3^/a", Address("trips", "v1.2~3^", "a")),
        (
            "pfs://trips@master@2016-07-31T12:00:30+02:00/a",
            Address("trips", "master@2016-07-31T12:00:30+02:00", "a"),
        ),
        ("pfs://trips/a@b:c#d?e=f%20 g", Address("trips", None, "a@b:c#d?e=f%20 g")),
    ],
)
def test_a_url_is_a_repo_a_ref_and_a_path(url, address):
    assert parse(url) == address
    assert parse(str(address)) == address
    assert PfsFileSystem._strip_protocol(url) == str(address)


def test_what_a_parser_of_urls_would_make_of_it_does_not_matter():
    url = "pfs://trips@master.31/7-31-16"
    assert urlsplit(url).username == "trips"  # which is why nobody is asked
    assert PfsFileSystem._get_kwargs_from_urls(url) == {}
    assert PfsFileSystem._strip_protocol([url, "pfs://weather"]) == ["trips@master.31/7-31-16", "weather"]


def test_fsspec_finds_the_file_system_by_the_protocol(fs):
    assert fsspec.get_filesystem_class("pfs") is PfsFileSystem
    found, path = fsspec.core.url_to_fs("pfs://trips@master.1/7-01-16", store=fs.store_path)
    assert (found, path) == (fs, "trips@master.1/7-01-16")
    assert found.unstrip_protocol(path) == "pfs://trips@master.1/7-01-16"


@pytest.mark.parametrize(
    ("place", "held"),
    [
        ("trips", b"three\n"),
        ("trips@master", b"three\n"),
        ("trips@master.1", b"one\n"),
        ("trips@master^", b"one\n"),
        ("trips@master~1", b"one\n"),
        ("trips@v1.0", b"one\n"),
        ("trips@master@2100-01-01", b"three\n"),
        ("trips@master@2100-01-01T12:00+02:00", b"three\n"),
    ],
)
def test_every_ref_expression_leads_to_its_commit(fs, trips, place, held):
    trips.create_tag("v1.0", trips["master.1"])
    assert fs.cat_file(f"pfs://{place}/7-01-16") == held


def test_a_commit_is_found_by_its_id_and_by_some_digits_of_it(fs, trips):
    id = str(trips["master.1"].id)
    assert fs.cat_file(f"trips@{id}/7-01-16") == fs.cat_file(f"trips@{id[:8]}/7-01-16") == b"one\n"


def test_without_an_option_the_store_is_the_one_that_pfs_uses(data, monkeypatch):
    monkeypatch.setenv("PFS_STORE", str(data.path))
    with fsspec.open("pfs://trips@master.1/7-01-16") as file:
        assert file.read() == b"one\n"
    monkeypatch.setenv("PFS_STORE", str(data.path / "none"))
    with pytest.raises(FileNotFoundError, match="is not a store"):
        fsspec.filesystem("pfs").ls("trips")
    PfsFileSystem.clear_instance_cache()
