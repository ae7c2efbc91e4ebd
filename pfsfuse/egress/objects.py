"""To an object store: `s3://bucket/prefix`, `gs://…`, `az://…`. The only module that speaks obstore.

Who we are, and which region and endpoint to ask, obstore takes from the environment of the process that schedules
(`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, …), as other programs for these stores do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError, NotSupportedError, PermissionDeniedError, UnauthenticatedError

from pfsfuse.egress.errors import EgressError, first_line
from store import Commit

AT_ONCE = 8 << 20
"""Bytes; larger files are sent in parts."""


def push(commit: Commit, url: str, between: Callable[[], None]) -> None:
    """As `egress.push`. Objects have no modes, and there are no directories: empty ones are lost."""
    try:
        # We retry ourselves, and say so in the job.
        bucket = obstore.store.from_url(
            url, retry_config={"max_retries": 1, "retry_timeout": timedelta(seconds=30)}
        )
        for path, entry in commit.walk():
            between()
            if entry.is_dir:
                continue
            key = _key(path)
            if entry.target is not None:
                raise EgressError(
                    f"egress to {url}: {key} is a symlink, which cannot be an object", final=True
                )
            if entry.size <= AT_ONCE:
                obstore.put(bucket, key, commit.read(path))
            else:
                with commit.open(path) as source:
                    obstore.put(bucket, key, source)
    except (PermissionDeniedError, UnauthenticatedError, NotSupportedError) as error:
        raise EgressError(f"egress to {url}: {first_line(error)}", final=True) from None
    except (BaseError, OSError, ValueError) as error:
        raise EgressError(f"egress to {url}: {first_line(error)}") from None


def _key(path: bytes) -> str:
    try:
        return path.decode()
    except UnicodeDecodeError:
        shown = path.decode("utf-8", "backslashreplace")
        raise EgressError(f"{shown} is not UTF-8, and names of objects are", final=True) from None
