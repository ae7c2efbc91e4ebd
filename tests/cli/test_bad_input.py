"""What people get wrong: one line on stderr that names the thing, an exit code, and nothing changed."""

from __future__ import annotations

import os
import re
import socket

import pytest

from tests.cli.conftest import last_txnid

BAD = [
    # ---- the command line itself
    ("nosuch", 2, "no command 'nosuch'"),
    ("ls --nosuch", 2, "--nosuch"),
    ("repo nosuch", 2, "nosuch"),
    ("repo rm trips", 2, "no command 'rm' here: `pfs repo delete`"),
    ("tag add trips@v1", 2, "`pfs tag create`"),
    ("push origin", 2, "`pfs bundle create FILE REPO`"),
    ("repo create", 2, "name"),
    ("log trips -n 0", 2, "0"),
    ("log trips -n x", 2, "'x' is not a whole number"),
    ("mount --autocommit x", 2, "'x' is not a number"),
    ("completion", 2, r"missing argument '\{bash\|zsh\|fish\}'; try"),
    ("completion tcsh", 2, "tcsh"),
    ("--store broken.json ls", 3, "broken.json is not a store: it is not a directory"),
    ("--store  ls", 2, "--store"),
    ("jupyter trips --port 0", 2, "port"),
    ("jupyter trips --port 65536", 2, "port"),
    # ---- repos
    ("repo create trips", 4, "'trips' already exists"),
    ("repo create tri/ps", 6, "'tri/ps' cannot name a repo"),
    ("repo create .", 6, "cannot name a repo"),
    ("repo create tri@ps", 6, "cannot name a repo"),
    ("repo create " + "x" * 300, 6, "cannot name a repo"),
    ("repo show nosuch", 3, "no repo 'nosuch'"),
    ("repo show tripz", 3, "did you mean 'trips'"),
    ("repo show trips@master", 6, "cannot name a repo"),
    ("repo delete nosuch --yes", 3, "no repo 'nosuch'"),
    ("repo delete trips", 2, "--yes"),
    ("put a.txt", 2, r"SRC\.\.\. REPO\[@BRANCH\]\[:PATH\] are needed, and one of them is missing"),
    ("cp trips:7-01-16", 2, "one of them is missing; try `pfs cp --help`"),
    # ---- refs and paths
    ("ls nosuch", 3, "nosuch"),
    ("ls trips@nosuch", 3, "nosuch"),
    ("ls trips@master.4", 3, "4"),
    ("ls trips@master.0", None, "0"),
    ("ls trips@master~9", 3, "9"),
    ("ls trips@master!2", 6, "character"),
    ("ls trips@@", 6, "character"),
    ("ls @master", 6, "character"),
    ("ls trips@00000000000000000000000000000000", 3, "00000000"),
    ("ls trips@master@2016-99-99", 6, "2016-99-99"),
    ("ls trips@master@1999-01-01", 3, "1999"),
    ("ls trips:nosuch", 3, "nosuch"),
    ("ls trips/2015/a.csv", 6, r"did you mean `pfs ls trips:2015/a\.csv`\?$"),
    ("cp trips:7-01-16 /tmp/a.csv", 6, "did you mean `pfs get trips:7-01-16 /tmp/a.csv`"),
    ("put --tar broken.json trips", 6, r"broken\.json: the archive cannot be read: "),
    ("ls trips:7-01-16/below", None, "7-01-16"),
    ("ls trips:../etc", 6, r"\.\."),
    ("ls empty:x", 1, "no commits yet"),
    ("log trips@nosuch..master", 3, "nosuch"),
    ("show trips@master.1:nosuch", 3, "nosuch"),
    ("cat trips:nosuch", 3, "nosuch"),
    ("cat trips:2015", 1, "is a directory"),
    ("cat trips", 1, "is a directory"),
    ("cat empty:x", 1, "no commits yet"),
    ("diff trips nosuch", 3, "nosuch"),
    ("diff trips:7-01-16 trips", 1, "is a file"),
    # ---- put
    ("put nosuch trips", 1, "nosuch: No such file or directory; nothing was put"),
    ("put a nosuch trips", 1, "nosuch"),
    ("put dir trips", 1, "-r"),
    ("put a nosuch", 3, "no repo 'nosuch'"),
    ("put a nosuch:x", 3, "no repo 'nosuch'"),
    ("put a trips@nosuch", 3, "nosuch"),
    ("put a trips@master.1", 1, "is not a branch"),
    ("put a trips@master^", 1, "is not a branch"),
    ("put - trips", 1, "standard input has no name"),
    ("put a - trips:x", 1, "standard input has no name"),
    ("put a dir/a trips", 1, "would both be"),
    ("put a trips:7-01-16/", 1, "is a file"),
    ("put a b trips:7-01-16", 1, "is a file"),
    ("put -r dir trips:7-01-16", 1, "is a file"),
    ("put a trips:7-01-16/below", None, "7-01-16"),
    ("put a trips:../x", 6, r"\.\."),
    ("put a trips:" + "n" * 256, 6, "255"),
    ("put fifo trips", 6, "pipe|fifo"),
    ("put sock trips", 6, "socket"),
    ("put -r special trips", 1, "pipe|fifo"),
    # ---- get
    ("get trips", 1, "-r"),
    ("get trips:nosuch", 3, "nosuch"),
    ("get trips:7-01-16 nosuch/", 1, "nosuch/ is not a directory"),
    ("get trips:7-01-16 no/such", 1, "no is not a directory"),
    ("get -r trips -", 1, "directory"),
    ("get -r trips a", 1, "is there already"),
    # ---- branches and tags
    ("branch list nosuch", 3, "nosuch"),
    ("branch create trips", 2, "REPO@BRANCH"),
    ("branch create trips@", 2, "REPO@BRANCH"),
    ("branch create nosuch@dev", 3, "nosuch"),
    ("branch create trips@master", 4, "master"),
    ("branch create trips@a/b", 6, "a/b"),
    ("branch create trips@dev --at nosuch", 3, "nosuch"),
    ("branch create trips@0123456789abcdef0123456789abcdef", 6, "commit id"),
    ("branch move trips@nosuch master", 3, "nosuch"),
    ("branch move trips@master nosuch", 3, "nosuch"),
    ("branch delete trips@nosuch --yes", 3, "nosuch"),
    ("branch delete trips@master", 2, "--yes"),
    ("tag create trips@v1 --at nosuch", 3, "nosuch"),
    ("tag create empty@v1", 1, "no commits yet"),
    ("tag create trips", 2, "REPO@TAG"),
    ("tag delete trips@nosuch --yes", 3, "nosuch"),
    # ---- pipelines, jobs, services
    ("pipeline create -f nosuch.yaml", 1, "nosuch.yaml: No such file"),
    ("pipeline create -f dir", 1, "dir: Is a directory"),
    ("pipeline create -f binary", 6, "binary: byte 1 is not UTF-8"),
    ("pipeline create -f broken.json", 6, r"broken\.json"),
    ("pipeline create -f unknown.yaml", 6, "brnch"),
    ("pipeline create -f badglob.yaml", 6, "glob"),
    ("pipeline create -f colon.yaml", 6, "found a mapping; put text that has a colon in quotes"),
    ("pipeline create -f norepo.yaml", None, "nosuch"),
    ("pipeline create -f cycle.yaml", 6, "circle"),
    ("pipeline create -f second.yaml", None, "nosuch"),
    ("pipeline create", 2, "-f|--file"),
    ("pipeline show nosuch", 11, "nosuch"),
    ("pipeline delete nosuch --yes", 11, "nosuch"),
    ("job list nosuch", 11, "nosuch"),
    ("job show nosuch", 11, "nosuch"),
    ("job show nosuch@12345678", 11, "nosuch"),
    ("job logs nosuch", 11, "nosuch"),
    ("wait nosuch", 3, "nosuch"),
    ("wait trips@nosuch", 3, "nosuch"),
    ("wait empty", 1, "no commits yet"),
    ("service create -f nosuch.json", 1, "nosuch.json: No such file"),
    ("service create -f broken.json", 6, r"broken\.json"),
    ("service show nosuch", 12, "nosuch"),
    ("service stop nosuch", 12, "nosuch"),
    ("service delete nosuch", 12, "nosuch"),
    ("jupyter nosuch", 3, "nosuch"),
    ("jupyter trips@nosuch", 3, "nosuch"),
    ("jupyter trips", 10, "daemon"),
    # ---- the mount
    ("mount nosuch/deep", 9, "nosuch"),
    ("mount a", 9, "a"),
    ("mount dir", 9, "empty"),
    ("umount nosuch", 9, "nosuch"),
    ("umount", 9, "is not mounted"),
    ("umount dir", 9, "mounted at"),
]

GOOD_PIPELINE = """
pipeline: {name: good}
transform: {cmd: ["true"]}
input: {pfs: {repo: trips, glob: "/*"}}
"""

FILES = {
    "a": b"a\n",
    "b": b"b\n",
    "dir/a": b"other\n",
    "binary": b"\xff\xfe\x00",
    "broken.json": b'{"pipeline": ',
    "unknown.yaml": b"pipeline: {name: p}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: trips, brnch: m, glob: /}}\n",
    "badglob.yaml": b"pipeline: {name: p}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: trips, glob: '/['}}\n",
    "colon.yaml": b"pipeline: {name: p}\ntransform:\n  cmd: [sh]\n  stdin:\n  - for each in a: b\n"
    b"input: {pfs: {repo: trips, glob: /}}\n",
    "norepo.yaml": b"pipeline: {name: p}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: nosuch, glob: /}}\n",
    "cycle.yaml": b"pipeline: {name: p}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: p, glob: /}}\n",
    "second.yaml": GOOD_PIPELINE.encode()
    + b"---\npipeline: {name: p}\ntransform: {cmd: [x]}\ninput: {pfs: {repo: nosuch, glob: /}}\n",
}


@pytest.fixture
def surprises(ok, trips, work):
    """What the lines of the table refer to."""
    ok("repo", "create", "empty")
    for name, content in FILES.items():
        (work / name).parent.mkdir(exist_ok=True)
        (work / name).write_bytes(content)
    os.mkfifo(work / "fifo")
    (work / "special").mkdir()
    os.mkfifo(work / "special" / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(work / "sock"))


@pytest.mark.usefixtures("surprises")
@pytest.mark.parametrize(("line", "code", "message"), BAD, ids=[line[:60] for line, _, _ in BAD])
def test_bad_input_is_refused_in_one_line_and_changes_nothing(run, store_path, work, line, code, message):
    before = last_txnid(store_path), sorted(work.rglob("*"))
    result = run(*line.split(" "))
    assert result.code == code if code is not None else result.code in (1, 3, 6)
    assert result.err.startswith("pfs: error: ") and result.err.count("\n") == 1
    assert re.search(message, result.err, re.IGNORECASE), result.err
    assert "Traceback" not in result.err and "this is a bug" not in result.err
    assert result.out == ""
    assert (last_txnid(store_path), sorted(work.rglob("*"))) == before
