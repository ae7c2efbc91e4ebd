"""Which commands there are, where each one lives, and what `pfs --help` says of it, without importing any.

A section of `pfs --help` is a folder, and a command a file in it of the same name, with what only it needs beside it:

    data        repos and their data      mount   the mount       shared   what several sections share
    history     history                   store   the store
    pipelines   pipelines and services
"""

from __future__ import annotations

from typing import NamedTuple


class Lazy(NamedTuple):
    """A command that is imported when it is used."""

    module: str
    """Below pfsfuse.cli; it holds a click command with its own name."""
    summary: str
    """The line in `pfs --help`; a test holds it equal to the command's own."""
    attribute: str = ""
    """The click command's name in its module, where it is not the module's."""


SECTIONS: dict[str, dict[str, Lazy]] = {
    "Repos and their data": {
        "repo": Lazy("data.repo", "Create, list, show and delete repos."),
        "put": Lazy("data.put", "Put files, directories or standard input into a repo, as one commit."),
        "rm": Lazy("data.rm", "Remove files or directories from a branch, as one commit."),
        "mv": Lazy("data.mv", "Move or rename files or directories, as one commit."),
        "cp": Lazy(
            "data.cp", "Copy files or directories within a repo or from one to another, as one commit."
        ),
        "status": Lazy("data.status", "Show what is staged, or the store and everything that runs on it."),
        "commit": Lazy("data.commit", "Make what is staged a commit; in several repos at once."),
        "restore": Lazy("data.restore", "Take paths out of what is staged for a branch."),
        "get": Lazy("data.get", "Copy a file or a directory out of a repo."),
        "cat": Lazy("data.cat", "Write files of a repo to standard output."),
        "ls": Lazy("data.ls", "List repos, or the files of a commit."),
        "tree": Lazy("data.tree", "Draw the directories and files of a commit."),
        "find": Lazy("data.find", "Find files and directories by a glob, as pipelines do."),
        "glob": Lazy("data.glob", "List what a glob matches, as pipelines do: one datum a line."),
        "du": Lazy("data.du", "Show the sizes of directories, with all that is below them."),
    },
    "History": {
        "log": Lazy("history.log", "List the commits of a branch, newest first."),
        "show": Lazy("history.show", "Describe a repo, a commit or a file."),
        "provenance": Lazy(
            "history.provenance",
            "Show what a commit was computed from, step by step up to the data that people put.",
        ),
        "diff": Lazy("history.diff", "Name the files that differ between two commits."),
        "merge": Lazy(
            "history.merge", "Bring what another branch or commit changed to a branch, as one commit."
        ),
        "revert": Lazy("history.revert", "Undo what one commit changed, as a new commit."),
        "cherry-pick": Lazy(
            "history.revert",
            "Make the change of one commit on another branch or repo, as a new commit.",
            "cherry_pick",
        ),
        "squash": Lazy("history.squash", "Make the commits after A, up to B, one commit."),
        "drop": Lazy(
            "history.drop", "Remove a commit for good; with A, all up to B that are not in the ancestry of A."
        ),
        "branch": Lazy("history.branch", "List, create, move and delete branches."),
        "tag": Lazy("history.tag", "List, create and delete tags."),
    },
    "The mount": {
        "mount": Lazy("mount.mount", "Mount every repo below a directory, and run pipelines and services."),
        "umount": Lazy("mount.umount", "Unmount what `pfs mount` mounted."),
        "stats": Lazy("mount.stats", "Count what a mount was asked, and how long its answers took."),
    },
    "Pipelines and services": {
        "pipeline": Lazy("pipelines.pipeline", "Create, update, run, list, show and delete pipelines."),
        "job": Lazy("pipelines.job", "List, show, stop and retry jobs, and read their logs."),
        "datum": Lazy("pipelines.datum", "List and show the datums of jobs, and of specifications."),
        "run": Lazy(
            "pipelines.run", "Run a pipeline, and wait until it and everything downstream of it is computed."
        ),
        "wait": Lazy("pipelines.wait", "Wait until everything downstream of a commit is computed."),
        "scheduler": Lazy("pipelines.scheduler", "Run pipelines and services without a mount."),
        "service": Lazy("pipelines.service", "Create, list, show and stop services."),
        "jupyter": Lazy("pipelines.jupyter", "Open JupyterLab on repos at exact commits."),
    },
    "The store": {
        "store": Lazy("store.store", "Check the store, copy it, free its space, and measure it."),
        "bundle": Lazy("store.bundle", "Carry commits from one store to another in a file."),
    },
    "The shell": {
        "completion": Lazy("completion", "Print the completion script of a shell."),
    },
}

COMMANDS: dict[str, Lazy] = {name: lazy for section in SECTIONS.values() for name, lazy in section.items()}

FAR_VERBS: dict[tuple[str, str], str] = {
    (
        "pipeline",
        "logs",
    ): "`pfs job logs PIPELINE` shows what it prints, `pfs pipeline log PIPELINE` its versions",
    ("pipeline", "rerun"): "`pfs pipeline run PIPELINE`, or `pfs pipeline update PIPELINE --reprocess`",
    (
        "pipeline",
        "wait",
    ): "`pfs job wait PIPELINE`, or `pfs wait REPO` for everything that follows from a commit",
    ("service", "logs"): "`pfs service show NAME` says where its log is",
    ("job", "log"): "`pfs job logs PIPELINE`",
    (
        "repo",
        "rename",
    ): "a repo keeps its name; `pfs bundle import FILE --as OLD=NEW` takes it in under another",
    ("store", "create"): "`pfs repo create NAME` makes the store, too",
    ("store", "init"): "`pfs repo create NAME` makes the store, too",
    ("branch", "merge"): "`pfs merge REPO@OURS REPO@THEIRS`",
}
"""What people look for under a noun, and where it is."""

SYNONYMS: dict[str, str] = {
    **dict.fromkeys(("add", "new"), "create"),
    **dict.fromkeys(("describe", "info", "inspect"), "show"),
    **dict.fromkeys(("remove", "rm"), "delete"),
    "ls": "list",
    "mv": "move",
    "start": "create",
}
"""What people call a verb of a noun that has no such verb, and ours."""

FAR: dict[str, str] = {
    "branches": "`pfs branch list REPO`",
    "tags": "`pfs tag list REPO`",
    "commits": "`pfs log REPO`",
    "history": "`pfs log REPO`",
    "create": "`pfs repo create NAME`; branches, tags, pipelines and services are created alike",
    "list": "`pfs ls REPO` lists files, `pfs repo list` repos",
    "delete": "`pfs rm REPO:PATH` removes files, `pfs repo delete NAME` a repo",
    "rename": "`pfs mv REPO:OLD REPO:NEW`",
    "mkdir": "`pfs repo create NAME` makes a repo; directories come with the files that are put there",
    "switch": "every branch is a directory already: `pfs mount`, then /pfs/REPO@BRANCH",
    "undo": "`pfs revert REPO@REF` undoes a commit, `pfs restore --all REPO` what is staged",
    "backup": "`pfs store copy DIR`",
    "blame": "`pfs log REPO:PATH` lists the commits that changed a file, `pfs diff -p` what they changed",
    "add": "`pfs put FILE REPO` adds data and commits it; with --stage it only adds",
    "checkout": "every commit is a directory already: `pfs mount`, then /pfs/REPO@REF",
    "rebase": "`pfs squash` makes commits one, `pfs cherry-pick` repeats one elsewhere",
    "clone": "`pfs get -r REPO@REF: DIR` copies a commit to a directory",
    "init": "`pfs repo create NAME` makes the store, too",
    "export": "`pfs get -r` copies data out, `pfs bundle create` carries commits to another store",
    "fetch": "there are no remotes; `pfs bundle import FILE` takes commits from another store",
    "fsck": "`pfs store check`",
    "check": "`pfs store check`",
    "gc": "`pfs store gc`",
    "import": "`pfs put` takes in files, `pfs bundle import` commits of another store",
    "inspect": "`pfs show` describes a repo, a commit or a file",
    "jobs": "`pfs job list`",
    "logs": "`pfs job logs PIPELINE`",
    "notebook": "`pfs jupyter REPO@REF`",
    "pipelines": "`pfs pipeline list`",
    "pull": "there are no remotes; `pfs bundle import FILE` takes commits from another store",
    "push": "there are no remotes; `pfs bundle create FILE REPO` carries commits to another store",
    "remote": "there are no remotes; `pfs bundle` carries commits from one store to another",
    "reset": "`pfs restore` takes back what is staged, `pfs branch move` moves a branch",
    "repos": "`pfs repo list`",
    "services": "`pfs service list`",
    "stash": "`pfs branch create REPO@NAME` and then a commit to it keeps what is not ready",
    "start": "`pfs mount` starts the mount, pipelines and services",
    "stop": "`pfs umount` stops the mount, `pfs service stop NAME` a service",
    "version": "`pfs --version`",
    "start commit": "`pfs put` makes a commit at once; with --stage it collects, and `pfs commit` makes it one",
    "finish commit": "`pfs commit REPO` makes what is staged a commit",
    "clear commit": "`pfs restore --all REPO` takes back what is staged",
    "forget commit": "`pfs drop REPO@REF` removes the last commits of a line; results go with their pipeline",
    "subscribe commit": "`pfs log REPO@A..master` lists what came after A, `pfs wait REPO` waits for what follows",
    "start transaction": "`pfs put --stage` in several repos, then `pfs commit REPO REPO`: commits of one id",
    "finish transaction": "`pfs commit REPO REPO` makes what is staged in several repos commits of one id",
    "restart datum": "`pfs job retry PIPELINE` runs what has failed again",
}
"""What people type for commands that have another name here, one word or two, and what to type instead."""

_SAME_NOUN = ("repo", "branch", "tag", "pipeline", "job", "service")

VERB_NOUN: dict[tuple[str, str], list[str]] = {
    **{(verb, noun): [noun, verb] for noun in _SAME_NOUN for verb in ("list", "create", "delete")},
    **{("inspect", noun): [noun, "show"] for noun in ("repo", "pipeline", "job", "service")},
    ("inspect", "commit"): ["show"],
    ("inspect", "branch"): ["show"],
    ("inspect", "file"): ["show"],
    ("list", "commit"): ["log"],
    ("find", "commit"): ["log"],
    ("list", "file"): ["ls"],
    ("diff", "file"): ["diff"],
    ("delete", "file"): ["rm"],
    ("copy", "file"): ["cp"],
    ("glob", "file"): ["glob"],
    ("wait", "commit"): ["wait"],
    ("squash", "commit"): ["squash"],
    ("drop", "commit"): ["drop"],
    ("delete", "commit"): ["drop"],
    ("stop", "service"): ["service", "stop"],
    **{(verb, "pipeline"): ["pipeline", verb] for verb in ("update", "edit", "start", "stop")},
    ("rerun", "pipeline"): ["pipeline", "run"],
    ("run", "pipeline"): ["pipeline", "run"],
    ("run", "cron"): ["pipeline", "run-cron"],
    ("stop", "job"): ["job", "stop"],
    ("list", "datum"): ["datum", "list"],
    ("inspect", "datum"): ["datum", "show"],
    ("next", "datum"): ["datum", "next"],
    ("wait", "job"): ["job", "wait"],
}
"""pachctl's order of words, taken silently: `pfs list repo` is `pfs repo list`. `put file` and `get file` are
not here: `pfs put file trips` puts a file called `file`."""

ALIASES: dict[str, str] = {"unmount": "umount"}
"""Other spellings, taken silently."""

ROOT_EXAMPLES = """
pfs repo create trips  make a repo, and the store where there is none
pfs put 7-01-16 trips -m "1 July"  commit a file
pfs ls trips@master.1  list the first commit
pfs mount  see everything at /pfs
pfs jupyter trips@master.31  JupyterLab on exactly that data
"""
"""Examples in `pfs --help`; two spaces end what is typed."""
