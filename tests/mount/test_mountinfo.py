"""Reading the kernel's table of mounts."""

from __future__ import annotations

from pathlib import Path

from pfsfuse.fuse.mountinfo import parse

TEXT = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw,errors=remount-ro
42 22 0:39 / /data/a\\040b ro,nosuid,nodev shared:20 master:3 - fuse.pfs /data/store ro,user_id=0,default_permissions
43 22 0:40 / /x rw - tmpfs tmpfs rw
"""


def test_a_line_says_where_what_and_how() -> None:
    entry = parse(TEXT)[1]
    assert (entry.device, entry.path, entry.type, entry.source) == (
        "0:39",
        Path("/data/a b"),
        "fuse.pfs",
        "/data/store",
    )
    assert {"ro", "nosuid", "default_permissions"} <= entry.options


def test_optional_fields_may_be_missing() -> None:
    assert parse(TEXT)[2].type == "tmpfs"
