"""What this process says when a damaged page of the store's database ends it.

LMDB trusts its pages: one that is damaged may lead it outside of its map (SIGSEGV, SIGBUS) or to a failed assertion
(SIGABRT). These signals come in the thread that read the page, at a moment at which nothing of Python's is half done,
since LMDB is asked without the interpreter's lock. So a handler may run there: it writes one line and ends the process,
with no way back. A signal that somebody sent (`kill -ABRT`) does what it always did.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
from typing import Any

DAMAGED = 7
"""The exit code of Corrupt."""
SIGNALS = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)
_SA_SIGINFO, _SA_NODEFER, _SA_RESETHAND = 4, 0x40000000, 0x80000000
_SI_USER = 0
"""In a signal's description: some process sent it with kill(2)."""
_Handler = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.c_void_p)


class _Sigaction(ctypes.Structure):
    _fields_ = (
        ("handler", _Handler),
        ("mask", ctypes.c_ulong * (1024 // (8 * ctypes.sizeof(ctypes.c_ulong)))),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


_kept: list[Any] = []
"""The handler that is installed, which must not be collected."""


def install(store: str) -> None:
    """Have this process say that the store in the directory `store` is damaged, if it ends in reading it.

    Not while faulthandler is on: whoever wants to see where a process crashes sees that.
    """
    if faulthandler.is_enabled():
        return
    where = (store if store.isprintable() else ascii(store)).encode("utf-8", "backslashreplace")
    advice = b"; `pfs store check` says what is damaged, `pfs store salvage DIR` gets out what can be read\n"

    def say(number: int, info: Any, _: int | None) -> None:
        if info[2] == _SI_USER:
            os.kill(os.getpid(), number)  # the handler is no longer there
            return
        name = signal.Signals(number).name.encode()
        os.write(
            2, b"pfs: error: damaged database in " + where + b": a page of it made this end with " + name
        )
        os.write(2, advice)
        os._exit(DAMAGED)

    handler = _Handler(say)
    action = _Sigaction(handler, flags=_SA_SIGINFO | _SA_NODEFER | _SA_RESETHAND)
    sigaction = ctypes.CDLL(None, use_errno=True).sigaction
    for number in SIGNALS:
        sigaction(int(number), ctypes.byref(action), None)
    _kept[:] = [handler, action]
