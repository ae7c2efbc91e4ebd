"""`pfs pipeline create`, `update` and `edit`: specifications to pipelines."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pfsfuse.cli.pipelines.finding import get, say_if_nobody_runs
from pfsfuse.cli.pipelines.specfile import SPEC_FILE, read_spec_file, warn
from pfsfuse.cli.shared import jsonout, text
from pfsfuse.cli.shared.address import PipelineName
from pfsfuse.cli.shared.app import App, pass_app
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.cli.shared.group import Command

if TYPE_CHECKING:
    from pfsfuse.pipeline import Spec
    from pfsfuse.scheduler import Deployment
    from pfsfuse.scheduler.deploy import Results
    from store import Store

FILE_HELP = "Specifications, JSON or YAML; - is standard input."
DRY_RUN_HELP = "Say what would happen, and do nothing."
REPROCESS_HELP = "Compute everything again: nothing that was computed before counts."
IGNORE_IMAGE_HELP = "Run with this host's programs, whatever transform.image says."
KEEP_HELP = "What was computed before counts, although the transform is another now."


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs pipeline create -f sales.yaml  JSON or YAML, one pipeline or several
    pfs pipeline create -f - < sales.json  from standard input
    pfs pipeline create -f sales.yaml --dry-run  what would happen
    """,
)
@click.option("-f", "--file", "file", required=True, type=SPEC_FILE, help=FILE_HELP)
@click.option("--ignore-image", is_flag=True, help=IGNORE_IMAGE_HELP)
@click.option("--dry-run", is_flag=True, help=DRY_RUN_HELP)
@pass_app
def create(app: App, file: str, ignore_image: bool, dry_run: bool) -> None:
    """Create the pipelines that a file specifies.

    Specifications are Pachyderm's: a JSON list, JSON documents one after another, or YAML documents hold several. A
    pipeline runs by itself: first on what its inputs hold now, then on each commit that arrives. When one of several
    cannot be created, none is. `transform.image` needs podman.
    """
    specs = read_specs(file, ignore_image=ignore_image)
    with app.open() as opened:
        deploy_all(app, opened, specs, dry_run=dry_run)


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs pipeline update -f sales.yaml  a new version; jobs run on what its inputs hold now
    pfs pipeline update -f sales.yaml --dry-run  what would happen to which jobs and results
    pfs pipeline update -f sales.yaml --keep-results  a change that does not change results
    pfs pipeline update sales --reprocess  the same specification, everything computed again
    """,
)
@click.argument("names", nargs=-1, type=PipelineName(), metavar="[PIPELINE]...")
@click.option("-f", "--file", "file", type=SPEC_FILE, help=FILE_HELP)
@click.option("--reprocess", is_flag=True, help=REPROCESS_HELP)
@click.option("--keep-results", is_flag=True, help=KEEP_HELP)
@click.option("--dry-run", is_flag=True, help=DRY_RUN_HELP)
@pass_app
def update(
    app: App, names: tuple[str, ...], file: str | None, reprocess: bool, keep_results: bool, dry_run: bool
) -> None:
    """Make pipelines what a file specifies; those that do not exist yet are created.

    A changed specification is a new version of its pipeline. Jobs of the version before that have not ended are ended,
    and one job runs on what the inputs hold now. A datum that was computed before is not computed again unless the
    transform, or the data it reads, has changed. All of it happens, or nothing.
    """
    with app.open() as opened:
        specs = wanted(opened, names, file)
        deploy_all(
            app,
            opened,
            specs,
            update=True,
            results=which_results(reprocess, keep_results),
            dry_run=dry_run,
        )


@click.command(
    cls=Command,
    json=True,
    examples="""
    pfs pipeline edit sales  in $VISUAL or $EDITOR; saving it updates the pipeline
    """,
)
@click.argument("name", type=PipelineName())
@click.option("--reprocess", is_flag=True, help=REPROCESS_HELP)
@click.option("--keep-results", is_flag=True, help=KEEP_HELP)
@pass_app
def edit(app: App, name: str, reprocess: bool, keep_results: bool) -> None:
    """Edit a pipeline's specification, and update the pipeline.

    What cannot be taken is kept in a file, which the message names.
    """
    import yaml

    from pfsfuse.errors import PfsError
    from pfsfuse.pipeline import parse_specs
    from pfsfuse.scheduler import Ledger
    from store import StoreError

    results = which_results(reprocess, keep_results)
    with app.open() as opened:
        before = yaml.safe_dump(get(Ledger(opened), name).spec, sort_keys=False, allow_unicode=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix=f"{name}-", suffix=".yaml", delete=False
        ) as draft:
            draft.write(before)
        path, edited, kept = Path(draft.name), False, False
        try:
            open_editor(path)
            edited = True
            after, source, _ = read_spec_file(str(path))
            if after == before and results == "default":
                click.echo(f"{name}: not changed", err=True)
                return
            warnings: list[str] = []
            specs = parse_specs(after, source=source, warnings=warnings)
            warn(warnings)
            if [each.name for each in specs] != [name]:
                raise CommandError(
                    "another name is another pipeline", hint=f"`pfs pipeline create -f {path}` makes it"
                )
            require_images(specs)
            deploy_all(app, opened, specs, update=True, results=results)
        except (PfsError, StoreError, CommandError):
            if edited:
                kept = True
                click.echo(f"what you wrote is in {path}", err=True)
            raise
        finally:
            if not kept:
                path.unlink(missing_ok=True)


def open_editor(path: Path) -> None:
    """Returns when the editor was left. Raises CommandError when it failed, or when there is no terminal for one.

    Where there is none, what VISUAL or EDITOR names may still be a program that edits by itself.
    """
    if not (os.environ.get("VISUAL") or os.environ.get("EDITOR")) and not (
        sys.stdin.isatty() and sys.stdout.isatty()
    ):
        raise CommandError(
            "not on a terminal, so nothing can be edited",
            hint="`pfs pipeline spec NAME` prints it, `pfs pipeline update -f FILE` takes it",
        )
    try:
        click.edit(filename=str(path))
    except click.ClickException as error:
        raise CommandError(error.message, hint="VISUAL or EDITOR names the editor") from error


def which_results(reprocess: bool, keep_results: bool) -> Results:
    if reprocess and keep_results:
        raise click.UsageError("--reprocess and --keep-results contradict each other")
    return "reprocess" if reprocess else "keep" if keep_results else "default"


def read_specs(file: str, *, ignore_image: bool = False) -> list[Spec]:
    """The specifications in a file, what has no effect in them said on stderr.

    Raises JobError when one has an image that this host cannot run.
    """
    from pfsfuse.pipeline import parse_specs

    spec_text, source, _ = read_spec_file(file)
    warnings: list[str] = []
    beside = Path() if file == "-" else Path(file).parent
    specs = parse_specs(
        spec_text,
        source=source,
        ignore_image=ignore_image,
        warnings=warnings,
        file=lambda name: (beside / name).read_text(encoding="utf-8"),
    )
    warn(warnings)
    require_images(specs)
    return specs


def require_images(specs: Sequence[Spec]) -> None:
    """Raise JobError when one has an image that this host cannot run."""
    from pfsfuse.worker.image import require_podman

    for spec in specs:
        if spec.transform.image:
            require_podman(spec.transform.image)


def wanted(opened: Store, names: Sequence[str], file: str | None) -> list[Spec]:
    """Those of the file; of these only the named ones; without a file, those that the named pipelines have."""
    from pfsfuse.scheduler import Ledger, spec_of

    if file is None:
        if not names:
            raise click.UsageError("a specification is needed (-f FILE), or the name of a pipeline")
        return [spec_of(get(Ledger(opened), name)) for name in dict.fromkeys(names)]
    specs = {each.name: each for each in read_specs(file)}
    if strange := [name for name in names if name not in specs]:
        raise CommandError(
            f"{text.safe(strange[0])!r} is not specified in {text.safe(file)}",
            hint=f"there are {', '.join(specs)}",
        )
    return [specs[name] for name in names or specs]


def deploy_all(
    app: App,
    opened: Store,
    specs: Sequence[Spec],
    *,
    update: bool = False,
    results: Results = "default",
    dry_run: bool = False,
    quiet: bool = False,
) -> None:
    """Plan, say what is planned (unless `quiet`), and carry it out unless it is a dry run."""
    from pfsfuse.scheduler import deploy, plan_deployment

    plan = plan_deployment(opened, specs, update=update, results=results)
    if not dry_run:
        deploy(opened, plan)
        app.refresh()
    if quiet:
        return
    if app.json:
        jsonout.write_list(as_json(plan))
    elif dry_run:
        describe(plan)
    else:
        report(plan, [spec.name for spec in specs])
        if any(step.verb != "leave" for step in plan.steps):
            say_if_nobody_runs(app)


def report(plan: Deployment, order: Sequence[str]) -> None:
    """What was done, in the order in which it was asked for."""
    done = {step.spec.name: step for step in plan.steps}
    for name in order:
        step = done[name]
        if step.verb == "leave":
            click.echo(f"{name}: not changed")
        elif step.verb == "create" or step.deployed is None:
            click.echo(name)
        else:
            click.echo(f"{name}: version {step.deployed.pipeline.version}")


def describe(plan: Deployment) -> None:
    for step in plan.steps:
        version = (
            f" to version {step.deployed.pipeline.version}" if step.verb == "update" and step.deployed else ""
        )
        click.echo(f"{step.verb} {step.spec.name}{version}")
        for remark in step.remarks:
            click.echo(f"  {remark}")
        for job in step.ended:
            click.echo(f"  job {job.pipeline}@{job.id[:8]} ({job.state}) is ended")


def as_json(plan: Deployment) -> list[dict[str, object]]:
    from pfsfuse.pipeline import spec_json

    return [
        {
            "pipeline": step.spec.name,
            "verb": step.verb,
            "version": step.deployed.pipeline.version if step.deployed else None,
            "job": step.deployed.job.id if step.deployed and step.deployed.job else None,
            "ended_jobs": [job.id for job in step.ended],
            "remarks": list(step.remarks),
            "spec": spec_json(step.spec),
        }
        for step in plan.steps
    ]
