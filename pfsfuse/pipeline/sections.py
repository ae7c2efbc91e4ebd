"""The sections of a specification but `input`: what each of their fields means."""

from __future__ import annotations

from typing import Literal

from pfsfuse.pipeline.fields import Field
from pfsfuse.pipeline.notebook import read_notebook
from pfsfuse.pipeline.reader import shown
from pfsfuse.pipeline.spec import DatumSet, Network, Service, Spout, Transform
from pfsfuse.pipeline.tables import DATUM_SET, PARALLELISM, SERVICE, SPOUT, TRANSFORM


def read_transform(field: Field) -> Transform:
    """The `transform` section."""
    found = field.table(TRANSFORM)
    env = _read_env(found["env"]) if "env" in found else {}
    if "notebook" in found:
        for other in ("cmd", "stdin"):
            if other in found:
                found[other].fail("there is a notebook to run; remove one of them")
        cmd, stdin = read_notebook(found["notebook"], env)
    else:
        cmd, stdin = _read_cmd(field, found)
    working_dir = found["working_dir"].argument() if "working_dir" in found else None
    if working_dir is not None and not working_dir.startswith("/"):
        found["working_dir"].fail("not an absolute path")
    if "err_stdin" in found and "err_cmd" not in found:
        found["err_stdin"].fail("there is no err_cmd to give it to")
    err_cmd = found["err_cmd"].arguments() if "err_cmd" in found else ()
    if err_cmd and not err_cmd[0]:
        found["err_cmd"].fail("the first item is the program to run")
    batching = found["datum_batching"].flag() if "datum_batching" in found else False
    if batching and "image" in found and found["image"].text():
        found["datum_batching"].fail("not together with image: what asks for the next datum is not in it")
    user = found["user"].argument() if "user" in found else None
    image = _read_image(found["image"]) if "image" in found and not field.reading.ignore_image else ""
    if image and user is not None:
        found["user"].fail("cannot be given together with image; remove one of them")
    if user == "":
        found["user"].fail("empty; expected the name or the number of a user")
    codes = found["accept_return_code"].items() if "accept_return_code" in found else []
    return Transform(
        cmd=cmd,
        stdin=stdin,
        env=env,
        working_dir=working_dir,
        accept_return_code=tuple(sorted({code.whole(0, 255) for code in codes})),
        err_cmd=err_cmd,
        err_stdin=found["err_stdin"].arguments() if "err_stdin" in found else (),
        image=image,
        network=_read_network(found["network"]) if "network" in found else "host",
        datum_batching=batching,
        user=user,
    )


def _read_cmd(field: Field, found: dict[str, Field]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if "cmd" not in found:
        field.fail("cmd is missing: the program to run and its arguments")
    cmd = found["cmd"].arguments()
    if not cmd or not cmd[0]:
        found["cmd"].fail("empty; the first item is the program to run")
    return cmd, found["stdin"].arguments() if "stdin" in found else ()


def _read_image(field: Field) -> str:
    image = field.argument()
    if image.startswith("-") or any(char.isspace() for char in image):
        field.fail('not the name of an image; expected something like "python:3.11-slim"')
    return image


def _read_network(field: Field) -> Network:
    known: dict[str, Network] = {"host": "host", "none": "none"}
    if (found := known.get(field.text())) is None:
        field.fail('expected "host" (what this host can reach) or "none"')
    return found


def _read_env(field: Field) -> dict[str, str]:
    env: dict[str, str] = {}
    for name, member in field.members().items():
        value = field.member(name, member)
        if not name or "=" in name or "\0" in name:
            value.fail("not a name that a variable of the environment can have")
        env[name] = value.argument()
    return env


def read_parallelism(field: Field) -> int | None:
    """The number of workers asked for; None when that is left to us (absent or 0)."""
    found = field.table(PARALLELISM)
    if "strategy" in found and found["strategy"].text() != "CONSTANT":
        found["strategy"].fail("only CONSTANT is supported; write constant, the number of workers")
    return (found["constant"].whole(0, 1_000_000) or None) if "constant" in found else None


def read_datum_set(field: Field) -> DatumSet | None:
    """How many datums a worker takes at once; None when nothing is said."""
    found = field.table(DATUM_SET)
    if len(found) > 1:
        first, second, *_ = found
        found[second].fail(f"{first} says already how many; remove one of them")
    sizes = {name: value.whole(0, 1 << 62) for name, value in found.items()}
    said = {name: size for name, size in sizes.items() if size}
    return DatumSet(**said) if said else None


def read_reprocess(field: Field) -> Literal["until_success", "every_job"]:
    """Whether datums that were computed before are computed again."""
    text = field.text()
    if text == "every_job":
        return "every_job"
    if text not in ("", "until_success"):
        field.fail(f"{shown(text)} is neither until_success nor every_job")
    return "until_success"


def read_service(field: Field) -> Service:
    """The `service` section."""
    found = field.table(SERVICE)
    if "internal_port" not in found:
        field.fail("internal_port is missing: the port that the command listens on")
    internal = found["internal_port"].whole(1, 65535)
    external = found["external_port"].whole(1, 65535) if "external_port" in found else internal
    return Service(internal_port=internal, external_port=external)


def read_spout(field: Field) -> Spout:
    """The `spout` section."""
    found = field.table(SPOUT)
    return Spout(service=read_service(found["service"]) if "service" in found else None)
