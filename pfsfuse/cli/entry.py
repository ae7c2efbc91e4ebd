"""What `pfs` starts with: Ctrl-C before the rest is loaded ends the process as any other program, without a traceback.

Loading takes a tenth of a second, in which Python would show whoever typed the wrong line where it was interrupted.
"""

from __future__ import annotations

import signal


def start() -> None:
    """Load the command line, and run it with the arguments of this process."""
    asked = signal.getsignal(signal.SIGINT)
    if asked is signal.default_int_handler:  # and not ignored, as by nohup
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pfsfuse.cli.main import main

    signal.signal(signal.SIGINT, asked)
    main()
