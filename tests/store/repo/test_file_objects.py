"""`edit.open`: file objects for programs that want to write to one."""

from __future__ import annotations

import contextlib
import csv
import gc
import io
import random
import zipfile

import pytest

import store
from store.edit import stream


def test_what_is_written_is_put_when_the_file_is_closed(trips):
    with trips.edit() as edit:
        with edit.open("2016/a.csv") as file:
            file.write(b"date")
            assert edit.find("2016/a.csv") is None
            file.write(b",trips\n")
        assert edit.find("2016/a.csv").size == 11
    assert trips["master"].read("2016/a.csv") == b"date,trips\n"


def test_it_takes_a_text_layer_and_a_program_that_goes_back(trips):
    with trips.edit() as edit:
        with io.TextIOWrapper(edit.open("a.csv"), newline="") as text:
            csv.writer(text).writerow(["date", 1])
        with edit.open("a.zip") as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr("one", b"1" * 100)
    found = trips["master"]
    assert found.read("a.csv") == b"date,1\r\n"
    with found.open("a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("one") == b"1" * 100


@pytest.mark.parametrize(
    ("mode", "held", "becomes"),
    [
        ("wb", b"old", b"new"),
        ("w+b", None, b"new"),
        ("ab", b"old", b"oldnew"),
        ("ab", None, b"new"),
        ("r+b", b"older", b"newer"),
        ("xb", None, b"new"),
    ],
)
def test_the_modes_are_those_of_python(trips, mode, held, becomes):
    with trips.edit() as edit:
        edit.mkdir("")
        if held is not None:
            edit.write("a", held, mode=0o600)
    with trips.edit() as edit, edit.open("a", mode) as file:
        file.write(b"new")
    assert trips["master"].read("a") == becomes
    if held is not None and mode in ("ab", "r+b"):
        assert trips["master"].entry("a").mode & 0o777 == 0o600


def test_appending_reads_what_this_edit_wrote(trips):
    with trips.edit() as edit:
        edit.write("a", b"one")
        with edit.open("a", "ab") as file:
            file.write(b"two")
    assert trips["master"].read("a") == b"onetwo"


@pytest.mark.parametrize(
    ("path", "mode", "error"),
    [
        ("", "wb", store.IsADirectory),
        ("d", "wb", store.IsADirectory),
        ("d/a", "xb", store.Exists),
        ("none", "r+b", store.PathNotFound),
        ("d/a", "rb", ValueError),
        ("d/a", "w", ValueError),
    ],
)
def test_what_cannot_be_opened_is_refused_at_once(trips, path, mode, error):
    with trips.edit() as edit:
        edit.write("d/a", b"1")
        with pytest.raises(error):
            edit.open(path, mode)


def test_an_exception_in_its_block_discards_the_file(trips):
    with trips.edit(allow_empty=True) as edit:
        with contextlib.suppress(KeyError), edit.open("a") as file:
            file.write(b"half")
            raise KeyError
        assert edit.find("a") is None


def test_an_edit_does_not_end_well_while_a_file_is_being_written(trips):
    edit = trips.edit()
    file = edit.open("a")
    file.write(b"half")
    with pytest.raises(store.Refused, match="'a' is still being written"), edit:
        pass
    assert trips.head() is None
    assert file.closed


def test_a_file_that_is_let_go_of_is_not_put(trips):
    delivered: list[bytes] = []
    file = store.FileWriter(lambda data: delivered.append(data.read()))
    file.write(b"half")
    del file
    gc.collect()
    assert not delivered


def test_a_large_file_waits_on_the_disk(trips, monkeypatch):
    monkeypatch.setattr(stream, "IN_MEMORY", 1000)
    with trips.edit() as edit, edit.open("a") as file:
        for number in range(3000):
            file.write(number.to_bytes(2, "big"))
        assert (file.seek(4), file.read(2), file.tell()) == (4, b"\0\2", 6)
    assert trips["master"].entry("a").size == 6000


def test_a_closed_file_says_so(trips):
    with trips.edit() as edit:
        file = edit.open("a")
        file.close()
        file.close()
        for call in (file.tell, file.read, lambda: file.write(b"")):
            with pytest.raises(ValueError, match="closed"):
                call()


def test_repos_and_commits_are_found_as_in_dictionaries(data, trips):
    with trips.edit() as edit:
        edit.write("a", b"1")
    assert data["trips"]["master.1"] == data["trips"]["master"] == trips.head()
    assert list(data) == ["trips"]
    assert "trips" in data and "weather" not in data
    for missing in (lambda: data["weather"], lambda: trips["dev"], lambda: trips["master.2"]):
        with pytest.raises(LookupError):
            missing()
    with pytest.raises(TypeError):
        iter(trips).__next__()


def test_appending_to_a_large_file_costs_what_is_added_and_gives_what_writing_it_all_would(trips):
    content = random.Random(1).randbytes(5_000_000)
    with trips.edit() as edit:
        edit.write("a", content)
    with trips.edit() as edit:
        edit.append("a", b"more" * 1000)
        edit.append("new", io.BytesIO(b"made"))
        edit.append("new", b"")
        assert edit.stored < 400_000
    with trips.edit() as edit:
        edit.write("b", content + b"more" * 1000)
    found = trips["master"]
    assert found.entry("a").identity() == found.entry("b").identity()
    assert found.read("new") == b"made"


def test_what_an_edit_will_say_may_be_set_until_it_is_committed(trips):
    with trips.edit(message="first") as edit:
        edit.write("a", b"1")
        assert edit.message == "first"
        edit.message = "better"
    assert trips["master"].message == "better"


def test_what_was_saved_and_given_up_keeps_no_sweep_waiting(data, trips):
    with contextlib.suppress(KeyError), trips.edit() as edit:
        edit.write("a", b"1")
        edit.save()
        raise KeyError
    assert data.sweep(data.plan_gc(), patience_seconds=0).dropped > 0
