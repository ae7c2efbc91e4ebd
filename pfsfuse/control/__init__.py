"""Talking to running daemons of a store, through unix sockets in `<store>/run`.

For the command line (synchronous, no event loop imported):

    client.daemons(store_path) -> list[Status]                    every daemon that answers; dead ones' sockets removed
    client.refresh(store_path, timeout_seconds=5) -> int          heads moved: returns when every daemon's caches agree
    client.find_mount(store_path, mountpoint) -> Status | None    the daemon that serves this mountpoint
    client.stop(store_path, pid, timeout_seconds=60)              ends one daemon: services committed, unmounted, gone
    launch.start_mount(config, mountpoint, MountOptions()) -> Ready           `pfs mount` in the background
    launch.start_scheduler(config) -> Ready                                   `pfs scheduler` in the background

For the daemon: `server.serve`.

    messages.py   what goes over the socket, as JSON lines
    address.py    where the sockets are, however long the store's path is
    client.py     asking
    launch.py     starting a daemon that stays when the command returns
    server.py     answering
"""
