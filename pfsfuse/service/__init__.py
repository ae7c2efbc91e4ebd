"""Long-running transforms, JupyterLab first of all: what the command line needs.

    create_service(store, spec, *, token=None, wait_seconds=90) -> Service     order one and wait until it answers
    start_jupyter(store, refs, *, port=8888, name="jupyter", wait_seconds=90) -> Service
    list_services(store) -> list[Service]
    show_service(store, name) -> Service
    stop_service(store, name, *, wait_seconds=60) -> Commit | None             what it saved in /pfs/out, committed
    delete_service(store, name) -> None                                        forget one that has ended

`store` is an open store (`store.open`), `spec` what `pipeline.parse_service` gives, `refs` texts like
`trips@master.31`. `Service` is a msgspec Struct, ready for `--json`: name, state, reason, url (with its token),
ports, inputs at their commits, pid, out, log, commit. All of them are synchronous and import no event loop; what
keeps services alive is `service.supervisor`, which only the daemon imports.

    record.py        what is known of a service: an order and a status, each with one writer
    orders.py        ordering, looking, stopping
    jupyter.py       the specification of a JupyterLab on given commits
    ports.py         is this port free
    supervisor.py    makes what runs equal to what is ordered; plan.py decides
    following.py     an order for the new head, when a branch that an input follows has moved
    keeper.py        one service's life: launch, wait until it answers, watch, start again, stop
    launching.py     from an order to what a worker runs
    surroundings.py  what the command gets: environment, and Jupyter's configuration from jupyter_config/
    output.py        /pfs/out: made, kept over crashes, committed
    health.py        does it answer
    logtail.py       the last it said
    spouts/          pipelines without inputs, kept running in the same way; their output is taken while they run
    forward.py       from the port people connect to, to the port the command listens on
"""

from pfsfuse.service.jupyter import start_jupyter
from pfsfuse.service.orders import create_service, delete_service, list_services, show_service, stop_service
from pfsfuse.service.record import FixedInput, Service

__all__ = [
    "FixedInput",
    "Service",
    "create_service",
    "delete_service",
    "list_services",
    "show_service",
    "start_jupyter",
    "stop_service",
]
