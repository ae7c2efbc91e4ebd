"""The kernel's own language, spoken without a library between: requests from /dev/fuse, answers to it.

    wire.py      the structures and numbers of the protocol
    requests.py  from a request's bytes to the name of a handler and its arguments
    replies.py   from what a handler found to an answer's bytes
    device.py    mount(2), or fusermount3 for people without root: a mount is a file descriptor
    session.py   receive, hand over, answer; notifications
    fetchers.py  threads for answers that wait for the disk

Nothing here knows what is mounted.
"""

from __future__ import annotations

from pfsfuse.fuse.kernel.device import open_device
from pfsfuse.fuse.kernel.requests import Caller, Changes
from pfsfuse.fuse.kernel.session import Later, Lent, Session, Then

__all__ = ["Caller", "Changes", "Later", "Lent", "Session", "Then", "open_device"]
