"""How bundles are shown: what goes into one, what one holds, and what importing it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pfsfuse.cli.shared import jsonout, text

if TYPE_CHECKING:
    from pfsfuse.cli.shared.app import App
    from store import BundledRef, BundleHeader, BundlePlan, CommitId, ImportPlan, Move

KINDS = {"b": "branch", "t": "tag", "c": "commit"}


def print_plan(app: App, plan: BundlePlan, verb: str) -> None:
    if app.json:
        jsonout.write(
            {
                "refs": [ref_json(ref) for ref in plan.refs],
                "commits": [{"repo": repo, "commit": str(commit)} for repo, commit in plan.commits],
                "since": [{"repo": need.repo, "commit": need.commit.hex()} for need in plan.needs],
                "objects": plan.objects,
                "size": plan.size,
            }
        )
        return
    click.echo(
        f"{verb} {text.plural(len(plan.commits), 'commit')} and {text.plural(plan.objects, 'object')}, "
        f"{text.size(plan.size)} before compression"
    )


def print_header(app: App, header: BundleHeader) -> None:
    if app.json:
        jsonout.write(
            {
                "format": header.format,
                "created": text.iso(header.created_ns),
                "repos": [repo.name for repo in header.repos],
                "refs": [ref_json(ref) for ref in header.refs],
                "needs": [{"repo": need.repo, "commit": need.commit.hex()} for need in header.needs],
                "commits": header.commits,
                "objects": header.objects,
                "size": header.size,
            }
        )
        return
    lines = [
        (
            KINDS[ref.kind],
            f"{ref.repo}@{ref.name}",
            "no commit yet" if ref.commit is None else ref.commit.hex(),
        )
        for ref in header.refs
    ]
    text.table(("KIND", "NAME", "COMMIT"), lines)
    click.echo()
    needs = ", ".join(f"{need.repo}@{need.commit.hex()[:8]}" for need in header.needs)
    text.fields(
        [
            ("made", text.when(header.created_ns)),
            ("commits", f"{header.commits:,}"),
            ("objects", f"{header.objects:,}, {text.size(header.size)} before compression"),
            ("builds on", text.safe(needs)),
        ]
    )


def ref_json(ref: BundledRef) -> jsonout.Json:
    return {
        "repo": ref.repo,
        "kind": KINDS[ref.kind],
        "name": ref.name or None,
        "commit": None if ref.commit is None else ref.commit.hex(),
    }


def print_import(app: App, done: ImportPlan, *, dry_run: bool) -> None:
    if app.json:
        jsonout.write(
            {
                "dry_run": dry_run,
                "repos": list(done.repos),
                "refs": [move_json(move) for move in done.moves],
                "new_commits": done.commits,
            }
        )
        return
    for move in done.moves:
        named = f"{move.repo}@{move.name or move.new}"
        if move.what == "keep":
            click.echo(f"{named}: {'is here' if move.kind == 'commit' else 'stays'}")
        else:
            click.echo(f"{named}: {said(move)}")
    would = "would be " if dry_run else ""
    click.echo(f"{text.plural(done.commits, 'commit')} {would}new")


def said(move: Move) -> str:
    new = "no commit yet" if move.new is None else move.new.short()
    if move.what == "create":
        return f"new {move.kind}, {new}"
    old = "nothing" if move.old is None else move.old.short()
    return f"{old} -> {new}{', by force' if move.what == 'force' else ''}"


def move_json(move: Move) -> jsonout.Json:
    return {
        "repo": move.repo,
        "kind": move.kind,
        "name": move.name or None,
        "what": move.what,
        "old": _hex(move.old),
        "new": _hex(move.new),
    }


def _hex(commit: CommitId | None) -> str | None:
    return None if commit is None else str(commit)
