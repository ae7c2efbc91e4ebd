"""A full disk and a read-only one: a clear error, nothing lost, and life goes on afterwards."""

from __future__ import annotations

FILL = """
def put(data, number, size):
    with data.repo("trips").edit(message=str(number)) as edit:
        edit.write(f"{number}", os.urandom(size))
    return edit.result.id

def fill(data, size):
    acknowledged = []
    try:
        for number in range(10_000):
            acknowledged.append(put(data, number, size))
    except store.Full as error:
        assert str(error) == f"no space left for {disk / 's'}", error
        return acknowledged
    raise AssertionError("the disk is not full")

def check(data, acknowledged):
    from store.testing.invariants import assert_sound
    assert_sound(data)
    assert [commit.id for commit in data.repo("trips").log()] == acknowledged[::-1]
    for commit in data.repo("trips").log():
        assert len(commit.read(commit.message))
"""


def test_a_full_disk_loses_nothing_and_goes_on_after_space_is_freed(on_small_disk):
    program = """
(disk / "ballast").write_bytes(bytes(2 << 20))
with store.create(disk / "s") as data:
    data.create_repo("trips")
    acknowledged = fill(data, 100_000)
    check(data, acknowledged)
    (disk / "ballast").unlink()
    acknowledged += [put(data, number, 100_000) for number in range(20_000, 20_005)]
    check(data, acknowledged)
with store.open(disk / "s") as data:
    check(data, acknowledged)
    print(len(acknowledged) > 20)
"""
    assert on_small_disk("size=8m", FILL + program) == "True\n"


def test_a_write_that_met_a_full_disk_leaves_it_as_full_as_it_was_and_a_sweep_goes_through(on_small_disk):
    program = """
with store.create(disk / "s") as data:
    data.create_repo("trips")
    acknowledged = [put(data, number, 500_000) for number in range(3)]
    before = (disk / "s" / "data.mdb").stat()
    try:
        put(data, 3, 20 << 20)
    except store.Full:
        after = (disk / "s" / "data.mdb").stat()
        print((after.st_size, after.st_blocks) == (before.st_size, before.st_blocks))
    data.sweep(data.plan_gc())
    data.compact()
    check(data, acknowledged)
"""
    assert on_small_disk("size=8m", FILL + program) == "True\n"


def test_an_edit_that_met_a_full_disk_can_be_finished_after_space_is_freed(on_small_disk):
    program = """
(disk / "ballast").write_bytes(bytes(100 << 20))
with store.create(disk / "s") as data:
    data.create_repo("trips")
    content = os.urandom(110 << 20)
    with data.repo("trips").edit() as edit:
        edit.write("before", b"1")
        try:
            edit.write("large", content)
        except store.Full:
            print("full")
        (disk / "ballast").unlink()
        edit.write("large", content)
        edit.write("before again", b"1")
    head = data.repo("trips").head()
    print(head.read("large") == content, head.read("before") == head.read("before again") == b"1")
"""
    assert on_small_disk("size=150m", FILL + program) == "full\nTrue True\n"


def test_a_full_disk_is_read_from_and_opened_as_ever(on_small_disk):
    program = """
with store.create(disk / "s") as data:
    data.create_repo("trips")
    acknowledged = fill(data, 100_000)
try:
    (disk / "rest").write_bytes(bytes(8 << 20))
except OSError:
    pass
with store.open(disk / "s") as data:
    check(data, acknowledged)
    try:
        put(data, 1, 100_000)
    except store.Full:
        print("full")
"""
    assert on_small_disk("size=8m", FILL + program) == "full\n"


def test_a_store_cannot_be_made_on_a_full_disk_but_afterwards(on_small_disk):
    program = """
(disk / "ballast").write_bytes(bytes(1 << 20))
try:
    with open(disk / "rest", "wb", buffering=0) as rest:
        while True:
            rest.write(bytes(4096))
except OSError:
    pass
try:
    store.open_or_create(disk / "s")
except (store.Full, store.NotWritable) as error:
    print("no space left" in str(error))
(disk / "ballast").unlink()
with store.open_or_create(disk / "s") as data:
    data.create_repo("trips")
    print(put(data, 1, 1000).short() != "")
"""
    assert on_small_disk("size=2m", FILL + program) == "True\nTrue\n"


def test_a_read_only_disk_is_named_as_such(on_small_disk):
    program = """
store.create(disk / "s").close()
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
for opening in (store.open, store.open_or_create):
    try:
        opening(disk / "s")
    except store.NotWritable as error:
        print(str(error) == f"cannot write {disk / 's'}: its file system is read-only")
try:
    store.create(disk / "new")
except store.NotWritable as error:
    print(str(error) == f"cannot write {disk / 'new'}: read-only file system")
"""
    assert on_small_disk("size=8m", program) == "True\nTrue\nTrue\n"


def test_a_copy_for_which_there_is_no_room_is_taken_away_again(on_small_disk):
    program = """
with store.create(disk / "s") as data:
    with data.create_repo("trips").edit() as edit:
        edit.write("large", os.urandom(5 << 20))
    for _ in range(3):
        try:
            data.copy(disk / "copy")
        except store.Full as error:
            print(error)
        assert [path.name for path in disk.iterdir()] == ["s"]
    assert data.check(read_data=True).sound
"""
    assert on_small_disk("size=8M", program).count("no space left for ") == 3


def test_what_is_staged_on_a_full_disk_is_staged_whole_or_not_at_all(on_small_disk):
    program = """
def names(draft):
    return sorted(path.decode() for path, _ in draft.walk())

(disk / "ballast").write_bytes(bytes(3 << 20))
with store.create(disk / "s") as data:
    trips, weather = data.create_repo("trips"), data.create_repo("weather")
    staged = []
    try:
        for number in range(10_000):
            with trips.stage() as stage:
                stage.write(f"{number:05}", os.urandom(100_000))
            staged.append(f"{number:05}")
    except store.Full:
        print("full", names(trips.find_draft()) == staged)
    (disk / "ballast").unlink()
    with weather.stage() as stage:
        stage.write("rain", b"1")
    done = data.commit_drafts("trips", "weather")
    print(all(each.changed for each in done), names(trips.head()) == staged, data.check(read_data=True).sound)
"""
    assert on_small_disk("size=8m", FILL + program) == "full True\nTrue True True\n"
