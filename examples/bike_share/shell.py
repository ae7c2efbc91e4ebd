"""Commands run as somebody would type them, and shown, so that one learns them by watching."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

PFS = [sys.executable, "-m", "pfsfuse.cli"]
"""The `pfs` of this environment, which need not be the one in the PATH."""


class StepFailed(Exception):
    """A command did not do what it was told; the message is one line."""


class Ended(BaseException):
    """Ctrl-C, SIGTERM or the terminal was closed. Not an error, so that no `except Exception` catches it."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.code = 128 + signum


class Endings:
    """Turns the signals that end a program into Ended, once: cleaning up is not interrupted."""

    def __init__(self) -> None:
        self._held = False
        self._pending: int | None = None
        for each in ENDINGS:
            signal.signal(each, self._arrived)

    def _arrived(self, signum: int, _: FrameType | None) -> None:
        if self._held:
            self._pending = signum
            return
        self.ignore()
        raise Ended(signum)

    def ignore(self) -> None:
        for each in ENDINGS:
            signal.signal(each, signal.SIG_IGN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Signals that arrive inside take effect at the end: what is begun here is finished."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            if self._pending is not None:
                self._arrived(self._pending, None)


class Shell:
    """Runs the commands of this environment and prints them, dimmed on a terminal."""

    def __init__(self, environ: Mapping[str, str], *, color: bool) -> None:
        self._environ = environ
        self._color = color and sys.stdout.isatty()

    def say(self, text: str) -> None:
        try:
            print(text, flush=True)
        except OSError:
            # Whoever read this has gone (`| head -1`, a closed terminal); what was begun is cleaned up all the same.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def aside(self, text: str) -> None:
        self.say(f"\x1b[2m{text}\x1b[0m" if self._color else text)

    def pfs(self, *arguments: str) -> str:
        """Run `pfs` and return what it printed."""
        self.aside(f"$ pfs {shlex.join(arguments)}")
        return self._run([*PFS, *arguments], "pfs " + arguments[0])

    def ask(self, *arguments: str) -> Any:
        """What `pfs … --json` answers; a question of ours, so it is not shown."""
        return json.loads(self._run([*PFS, *arguments, "--json"], "pfs " + arguments[0]))

    def python(self, script: Path, *arguments: str) -> str:
        """Run a script of this example and return what it printed."""
        self.aside(f"$ python {shlex.join([os.path.relpath(script), *arguments])}")
        return self._run([sys.executable, str(script), *arguments], script.name)

    def _run(self, command: list[str], name: str) -> str:
        # A session of its own: Ctrl-C is for us, and we end the command or let it finish.
        done = subprocess.run(
            command,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            start_new_session=True,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise StepFailed(f"{name}: {lines[-1].removeprefix('pfs: error: ')}")
        return done.stdout
