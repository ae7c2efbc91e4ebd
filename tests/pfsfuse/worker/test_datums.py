"""What becomes of a datum's command, whatever it does: real commands, one after another in one worker.

Each case is a shell script; what it ended as is asked by the tests below, which share the one worker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from working import is_running, run, sentinel

import store as storage
from pfsfuse.worker.api import Input, Launch, Outcome, Task, datum_pin
from pfsfuse.worker.handle import open_worker
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

GREEDY = "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 29,) * 2); bytearray(1 << 30)"
UNCLOSED = "import os; f = open('/pfs/out/x', 'wb', buffering=0); f.write(b'all of it'); os._exit(0)"
LEFT = sentinel()
LINK = "ln -s /pfs/trips/2016/july.csv /pfs/out/july"
CASES: dict[str, dict[str, object]] = {
    "recovers": {
        "cmd": "echo half > /pfs/out/x; exit 3",
        "err_cmd": ("sh",),
        "err_stdin": ("cat /pfs/out/x",),
    },
    "does not recover": {"cmd": "exit 3", "err_cmd": ("sh", "-c", "exit 4"), "tries": 2},
    "recovers from a timeout": {"cmd": "sleep 600", "err_cmd": ("true",), "timeout_seconds": 3.0},
    "a slow err_cmd": {"cmd": "exit 3", "err_cmd": ("sleep", "600"), "timeout_seconds": 0.5},
    "times out twice": {"cmd": "sleep 600", "timeout_seconds": 0.6, "tries": 2},
    "accepted": {"cmd": "echo 1 > /pfs/out/kept; exit 7", "accept": (7,)},
    "links": {"cmd": LINK},
    "hard links": {
        "cmd": "echo 1 > /pfs/out/a; mkdir /pfs/out/d; ln /pfs/out/a /pfs/out/d/b; echo 2 >> /pfs/out/a"
    },
    "a link that vanishes": {"cmd": "echo 1 > /tmp/x; ln -s /tmp/x /pfs/out/x"},
    "nobody": {
        "cmd": "id -u; cat /pfs/trips/2016/july.csv; echo mine > /pfs/out/x; touch $HOME/x",
        "user": "nobody",
    },
    "no such user": {"cmd": "true", "user": "nobody-at-all"},
    # what goes wrong, or tries to
    "not found": {"cmd": ("no-such-program",)},
    "not executable": {"cmd": ("/etc/passwd",)},
    "a directory": {"cmd": ("/usr",)},
    "killed": {"cmd": "kill -9 $$"},
    "crashed": {"cmd": "kill -SEGV $$"},
    "no such working directory": {"cmd": "true", "working_dir": "/no/such/directory"},
    "out of memory": {"cmd": (sys.executable, "-c", GREEDY)},
    "leaves children": {
        "cmd": f"(setsid sleep {LEFT} & nohup sleep {LEFT} &) 2>/dev/null; echo 1 > /pfs/out/x"
    },
    "leaves a writer": {
        "cmd": "(while :; do echo on; sleep 0.01; done) >> /pfs/out/x & while [ ! -s /pfs/out/x ]; do :; done"
    },
    "writes outside": {
        "cmd": "for d in / /etc /usr /pfs /pfs/trips; do echo 1 > $d/pfs-test && exit 9; done; true"
    },
    "writes to /tmp and HOME": {"cmd": "echo 1 > /tmp/x && echo 1 > $HOME/x"},
    "removes its input": {
        "cmd": "rm -rf /pfs/trips; mv /pfs/trips /pfs/away; umount /pfs; cat /pfs/trips/2016/july.csv"
    },
    "removes its output": {"cmd": "rm -rf /pfs/out; mkdir /pfs/out; true"},
    "reads after all that": {"cmd": "cat /pfs/trips/2016/july.csv"},
    "bytes": {"cmd": r"printf 'a\377\000b\033[2J\n' ; printf x > \"/pfs/out/$(printf '\377')\"; exit 3"},
    "floods its log": {"cmd": "head -c 50000000 /dev/zero | tr '\\0' 'x' | fold -w 79; echo the end"},
    "closes nothing": {"cmd": (sys.executable, "-c", UNCLOSED)},
    "closes its output": {"cmd": "exec >&- 2>&- <&-; sleep 0.05; echo 1 > /pfs/out/x"},
    "many arguments": {"cmd": ("true", "x" * 200_000)},
    "prints a lot and nothing reads stdin": {"cmd": "seq 1000", "stdin": ("unread",) * 1000},
}


@dataclass
class Done:
    outcome: Outcome
    log: str
    files: dict[str, str]
    """What was kept: contents of files, `-> target` of links."""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Done]]:
    """How each case ended."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("no usable /dev/fuse")
    with storage.create(tmp_path_factory.mktemp("datums") / "store") as opened:
        for name in ("logs", "scratch"):
            (opened.path / name).mkdir(exist_ok=True)
        with opened.create_repo("trips").edit() as edit:
            edit.write("2016/july.csv", b"31\n")
        assert edit.result is not None
        commit = str(edit.result.id)

        async def go() -> list[Outcome]:
            async with open_worker(opened.path) as worker:
                return [await worker.compute(task_of(opened, name, commit)) for name in CASES]

        outcomes = run(go)
        yield {
            name: Done(
                outcome,
                Path(task_of(opened, name, commit).launch.log).read_bytes().decode("utf-8", "replace"),
                kept(opened, outcome.datum),
            )
            for name, outcome in zip(CASES, outcomes, strict=True)
        }


def task_of(opened: Store, name: str, commit: str) -> Task:
    case = dict(CASES[name])
    cmd = case.pop("cmd")
    datum = f"{list(CASES).index(name):064x}"
    log = str(opened.path / "logs" / f"{datum}.log")
    of_task = {key: case.pop(key) for key in ("tries", "accept", "err_cmd", "err_stdin") if key in case}
    launch = Launch(
        name=datum,
        cmd=cmd if isinstance(cmd, tuple) else ("sh", "-c", str(cmd)),
        inputs=(Input(name="trips", repo="trips", commit=commit),),
        log=log,
        **case,  # type: ignore[arg-type]
    )
    return Task(job="0" * 32, pipeline="sales", datum=datum, launch=launch, **of_task)  # type: ignore[arg-type]


def kept(opened: Store, datum: str) -> dict[str, str]:
    pin = opened.pins.get(datum_pin(datum))
    return {} if pin is None else read(opened, pin.tree)


def read(opened: Store, tree: storage.Entry, above: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in opened.iter_directory(tree):
        path = above + entry.name.decode("utf-8", "surrogateescape")
        if entry.is_dir:
            found |= read(opened, entry, path + "/")
        elif entry.is_symlink:
            found[path] = f"-> {(entry.target or b'').decode()}"
        else:
            found[path] = opened.open(entry).read().decode("utf-8", "replace")
    return found


def test_a_datum_whose_err_cmd_succeeds_has_recovered_and_keeps_nothing(done: dict[str, Done]) -> None:
    case = done["recovers"]
    assert (case.outcome.state, case.outcome.attempts, case.outcome.exit_code) == ("recovered", 1, 3)
    assert case.files == {}
    assert "half" in case.log  # err_cmd ran where the command had run
    assert "exit code 3; running err_cmd" in case.log


def test_a_datum_whose_err_cmd_fails_is_tried_again_and_fails(done: dict[str, Done]) -> None:
    outcome = done["does not recover"].outcome
    assert (outcome.state, outcome.attempts) == ("failed", 2)
    assert "exit code 3; err_cmd: exit code 4" in outcome.reason


def test_err_cmd_runs_after_a_timeout_too(done: dict[str, Done]) -> None:
    outcome = done["recovers from a timeout"].outcome
    assert (outcome.state, outcome.exit_code) == ("recovered", None)


def test_err_cmd_has_as_much_time_as_the_command(done: dict[str, Done]) -> None:
    assert "err_cmd: timed out after 0.5 s" in done["a slow err_cmd"].outcome.reason


def test_the_timeout_is_of_each_attempt(done: dict[str, Done]) -> None:
    case = done["times out twice"]
    assert (case.outcome.state, case.outcome.attempts) == ("failed", 2)
    assert "timed out after 0.6 s" in case.outcome.reason and case.outcome.seconds >= 1.2


def test_what_an_accepted_exit_code_leaves_is_kept(done: dict[str, Done]) -> None:
    case = done["accepted"]
    assert (case.outcome.state, case.outcome.exit_code, case.files) == ("success", 7, {"kept": "1\n"})


def test_a_link_to_an_input_becomes_what_it_leads_to(done: dict[str, Done]) -> None:
    assert done["links"].files == {"july": "31\n"}


def test_a_link_to_what_vanishes_with_the_datum_fails_it(done: dict[str, Done]) -> None:
    outcome = done["a link that vanishes"].outcome
    assert outcome.state == "failed" and "link to /tmp/x, which does not outlive the datum" in outcome.reason


def test_each_name_of_a_file_with_several_is_kept_with_what_it_holds(done: dict[str, Done]) -> None:
    assert done["hard links"].files == {"a": "1\n2\n", "d/b": "1\n2\n"}


def test_the_bytes_that_were_shown_and_written_are_counted(done: dict[str, Done]) -> None:
    outcome = done["accepted"].outcome
    assert (outcome.read_bytes, outcome.size, outcome.files) == (3, 2, 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
def test_a_command_runs_as_the_user_that_is_asked_for(done: dict[str, Done]) -> None:
    case = done["nobody"]
    assert (case.outcome.state, case.files) == ("success", {"x": "mine\n"}), case
    assert case.log.splitlines() == ["65534", "31"]


def test_a_user_that_does_not_exist_fails_the_datum(done: dict[str, Done]) -> None:
    assert "this host has no user 'nobody-at-all'" in done["no such user"].outcome.reason


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("not found", "exit code 127 (command not found)"),
        ("not executable", "exit code 126 (not executable, or the working directory is missing)"),
        ("a directory", "exit code 126"),
        ("killed", "exit code 137 (killed by SIGKILL: by itself, or for want of memory)"),
        ("crashed", "exit code 139 (killed by SIGSEGV)"),
        ("no such working directory", "exit code 126 (not executable, or the working directory is missing)"),
        ("out of memory", "MemoryError"),
        ("many arguments", "cannot be started: "),
    ],
)
def test_a_command_that_cannot_do_its_work_fails_the_datum_and_says_why(
    done: dict[str, Done], case: str, reason: str
) -> None:
    outcome = done[case].outcome
    assert outcome.state == "failed" and reason in outcome.reason
    assert done[case].files == {}


def test_children_that_are_left_die_with_the_datum(done: dict[str, Done]) -> None:
    assert done["leaves children"].files == {"x": "1\n"}
    assert done["leaves children"].outcome.seconds < 60 and not is_running(f"sleep\x00{LEFT}")


def test_what_a_child_was_still_writing_is_kept_as_far_as_it_came(done: dict[str, Done]) -> None:
    assert done["leaves a writer"].files["x"].startswith("on\n")


@pytest.mark.parametrize(
    "case", ["writes outside", "writes to /tmp and HOME", "reads after all that", "removes its output"]
)
def test_nothing_but_what_is_in_out_is_kept_or_changed(done: dict[str, Done], case: str) -> None:
    assert (done[case].outcome.state, done[case].files) == ("success", {})


def test_an_input_cannot_be_removed_moved_or_unmounted(done: dict[str, Done]) -> None:
    for case in ("removes its input", "reads after all that"):
        assert done[case].outcome.state == "success" and done[case].log.endswith("31\n")


def test_bytes_that_are_not_text_are_kept_in_the_log_and_shown_harmlessly(done: dict[str, Done]) -> None:
    case = done["bytes"]
    assert "\x1b[2J" in case.log
    assert "\x1b" not in case.outcome.reason and "a\ufffd\ufffdb\ufffd[2J" in case.outcome.reason


def test_a_flood_of_output_keeps_its_beginning_and_its_end(done: dict[str, Done]) -> None:
    case = done["floods its log"]
    assert case.outcome.state == "success"
    assert len(case.log) < 17 << 20 and "bytes left out here" in case.log and case.log.endswith("the end\n")


@pytest.mark.parametrize(("case", "kept"), [("closes nothing", "all of it"), ("closes its output", "1\n")])
def test_files_need_not_be_closed(done: dict[str, Done], case: str, kept: str) -> None:
    assert (done[case].outcome.state, done[case].files) == ("success", {"x": kept})


def test_a_command_need_not_read_what_it_is_given(done: dict[str, Done]) -> None:
    case = done["prints a lot and nothing reads stdin"]
    assert case.outcome.state == "success" and case.log.splitlines()[-1] == "1000"
