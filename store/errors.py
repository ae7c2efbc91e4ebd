"""Everything `store` raises on purpose, by what you can do about it.

    StoreError
    ├── NotFound          ask for something else                   exit 3
    │   └── RepoNotFound  RefNotFound  CommitNotFound  PathNotFound  NotAStore
    │   └── PrerequisiteMissing
    ├── Exists            pick another name                        exit 4
    ├── Conflict          look again, then retry                   exit 5
    │   └── HeadMoved  DraftMoved  MergeConflict  Diverged  SourceChanged
    ├── Refused           change the request                       exit 6
    │   └── BadName  BadExpression  NotADirectory  IsADirectory  SpecialFile  InUse  NewerFormat  NotWritable
    │   └── BadArchive
    ├── Corrupt           run `pfs store check`                    exit 7
    │   └── BadBundle
    └── Full              free space                               exit 8

Classes hold fields, not sentences: `str()` says what happened to which noun on one line, `hint()` the next
thing to do ("" when the message says it all). Nothing has changed in the store after any of them, unless the
docstring of what raised it says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class StoreError(Exception):
    """Base of everything this package raises on purpose."""

    def hint(self) -> str:
        """What to do next, as one sentence or a command; "" when the message says it all."""
        return ""


class NotFound(StoreError, LookupError):
    """What was asked for does not exist."""


class RepoNotFound(NotFound):
    """No repo has this name."""

    def __init__(self, repo: str, *, known: Iterable[str] = ()) -> None:
        super().__init__(f"no repo {repo!r}")
        self.repo, self.known = repo, tuple(known)

    def hint(self) -> str:
        if near := _nearest(self.repo, self.known):
            return f"did you mean {near!r}?"
        listed = "`pfs repo list` shows those that exist"
        return f"{listed}, `pfs repo create {self.repo}` makes it" if self.repo else listed


class RefNotFound(NotFound):
    """No branch, tag or commit of the repo answers to this expression."""

    def __init__(self, repo: str, ref: str, *, known: Iterable[str] = (), why: str = "") -> None:
        super().__init__(f"repo {repo!r} has no ref {ref!r}" + (f": {why}" if why else ""))
        self.repo, self.ref, self.known, self.why = repo, ref, tuple(known), why

    def hint(self) -> str:
        if near := _nearest(self.ref, self.known):
            return f"did you mean {near!r}?"
        return (
            "" if self.why else f"`pfs branch list {self.repo}` and `pfs log {self.repo}` show what there is"
        )


class CommitNotFound(NotFound):
    """The repo has no commit with this id."""

    def __init__(self, repo: str, commit: str) -> None:
        super().__init__(f"repo {repo!r} has no commit {commit}")
        self.repo, self.commit = repo, commit


class PathNotFound(NotFound):
    """Nothing has this path in the commit."""

    def __init__(self, path: bytes, *, where: str = "") -> None:
        super().__init__(f"no {show(path)}" + (f" in {where}" if where else ""))
        self.path, self.where = path, where

    def hint(self) -> str:
        _, drafted, branch = self.where.partition("the draft of ")
        if drafted:
            return f"`pfs status {branch}` lists what is staged, `pfs ls {branch}` what was there before"
        return f"`pfs ls {self.where}` shows what is there" if self.where else ""


class NotAStore(NotFound):
    """The directory holds no store."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} is not a store: {why}")
        self.path = path

    def hint(self) -> str:
        return (
            "`pfs repo create NAME` makes one in a new or empty directory, which --store or PFS_STORE chooses"
        )


class PrerequisiteMissing(NotFound):
    """A bundle builds on a commit that the store does not have."""

    def __init__(self, repo: str, commit: str) -> None:
        super().__init__(f"the bundle builds on {repo}@{commit}, which is not here")
        self.repo, self.commit = repo, commit

    def hint(self) -> str:
        return "import a bundle that holds that commit first, or make one without --since"


class Exists(StoreError):
    """The name is taken."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name!r} already exists")
        self.kind, self.name = kind, name

    def hint(self) -> str:
        return "choose another name or delete it first"


class Conflict(StoreError):
    """The world moved since it was looked at."""


class HeadMoved(Conflict):
    """Somebody else moved the branch first; nothing was changed."""

    def __init__(self, repo: str, branch: str, *, expected: str | None, found: str | None) -> None:
        super().__init__(
            f"{repo}@{branch} moved: expected {expected or 'no head'}, found {found or 'no head'}"
        )
        self.repo, self.branch, self.expected, self.found = repo, branch, expected, found

    def hint(self) -> str:
        return "look at the new head and repeat the command"


class DraftMoved(Conflict):
    """Somebody else changed or committed the branch's draft first; nothing was changed."""

    def __init__(self, repo: str, branch: str) -> None:
        super().__init__(f"the draft of {repo}@{branch} was changed meanwhile")
        self.repo, self.branch = repo, branch

    def hint(self) -> str:
        return f"`pfs status {self.repo}` shows what is staged now; repeat the command"


class Diverged(Conflict):
    """What a bundle holds and what is here went different ways; nothing was changed."""

    def __init__(self, what: str, why: str, how: str = "") -> None:
        super().__init__(f"{what} cannot be imported: {why}")
        self.what, self.why, self._how = what, why, how

    def hint(self) -> str:
        return self._how


class MergeConflict(Conflict):
    """Both sides changed the same paths, each in its own way; nothing was changed."""

    def __init__(self, what: str, count: int) -> None:
        super().__init__(f"{what} meets {count} conflict{'' if count == 1 else 's'}; nothing was changed")
        self.what, self.count = what, count

    def hint(self) -> str:
        return "`--ours PATTERN` and `--theirs PATTERN` choose a side"


class SourceChanged(Conflict):
    """A file of the host changed while it was read, twice in a row; what was read may be no state it ever had."""

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{show(path)} changed while it was read")
        self.path = path

    def hint(self) -> str:
        return "put it again when nobody writes to it"


class Refused(StoreError):
    """The request itself cannot be carried out."""


class BadName(Refused):
    """The name is not allowed."""

    def __init__(self, kind: str, name: str, why: str) -> None:
        super().__init__(f"{name!r} cannot name a {kind}: {why}")
        self.kind, self.name, self.why = kind, name, why


class BadExpression(Refused):
    """A ref expression that does not follow the grammar; `at` is the index of the character that broke it."""

    def __init__(self, text: str, at: int, why: str) -> None:
        super().__init__(f"{text!r}, character {at + 1}: {why}")
        self.text, self.at, self.why = text, at, why

    def hint(self) -> str:
        repo, slash, path = self.text.partition("/")
        if slash and repo.replace("_", "a").replace("-", "a").isalnum():
            return f"a path follows a colon: {repo}:{path}"
        if self.text.startswith(("/", "./", "../")):
            return "`pfs put` and `pfs get` copy between files of this host and repos, which are REPO[@REF][:PATH]"
        return "an expression is REPO[@REF][:PATH], for example trips@master.31:7-31-16"


class NotADirectory(Refused):
    """A path leads through something that is not a directory, or a directory was needed."""

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{show(path)} is not a directory")
        self.path = path


class IsADirectory(Refused):
    """A file was needed and the path is a directory."""

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{show(path)} is a directory")
        self.path = path


class SpecialFile(Refused):
    """Sockets, pipes and devices are not data and are not stored."""

    def __init__(self, path: bytes, kind: str) -> None:
        super().__init__(f"{show(path)} is a {kind}; a store holds files, directories and symlinks")
        self.path, self.kind = path, kind


class BadArchive(Refused):
    """An archive that is damaged, was cut short, or cannot be taken in; nothing was changed."""

    def __init__(self, why: str, *, name: str = "") -> None:
        super().__init__(
            (f"{name}: " if name else "")
            + f"the archive cannot be read: {''.join(each if each.isprintable() else '?' for each in why)}"
        )
        self.why = why

    def hint(self) -> str:
        return "get or make it again; nothing was put"


class InUse(Refused):
    """Something else still depends on it."""

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self._hint = hint

    def hint(self) -> str:
        return self._hint


class NewerFormat(Refused):
    """The store was written by a newer version, with a format or features that this one does not know."""

    def __init__(self, path: Path, found: int, known: int, features: tuple[str, ...] = ()) -> None:
        what = (
            f"needs {', '.join(map(repr, features))}, which this version does not know"
            if features
            else f"has format {found}; this version reads up to format {known}"
        )
        super().__init__(f"{path} {what}")
        self.path, self.found, self.known, self.features = path, found, known, features

    def hint(self) -> str:
        return "upgrade pfsfuse"


class NotWritable(Refused):
    """The store's directory cannot be written by this user, or its file system is read-only."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"cannot write {path}: {why}")
        self.path, self.why = path, why

    def hint(self) -> str:
        if "input/output error" in self.why:
            return "the disk fails, and what was committed is as it was; `dmesg` shows what the kernel says of it"
        if "ulimit" in self.why:
            return "raise that limit, and repeat the command"
        if "read-only" in self.why:
            return (
                "readers leave their mark there, too: mount it for writing, or copy the directory elsewhere"
            )
        return "choose another with --store DIR, or change its owner"


WHOLE = ("data.mdb", "database")
"""Records of which everything else is a part."""


class Corrupt(StoreError):
    """Bytes on disk are not what was written; `record` says which, `why` what was expected and found."""

    def __init__(self, record: str, why: str) -> None:
        super().__init__(f"damaged {record}: {why}")
        self.record, self.why = record, why

    def hint(self) -> str:
        if self.record in WHOLE:
            return "restore a copy, or `pfs store salvage DIR` gets out what can be read"
        return "`pfs store check` names what it affects; everything else stays readable"


class BadBundle(Corrupt):
    """A bundle is damaged, was cut short, or holds what cannot be; nothing was imported."""

    def __init__(self, record: str, why: str) -> None:
        super().__init__(record, "".join(each if each.isprintable() else "?" for each in why))

    def hint(self) -> str:
        return "get or make the bundle again; nothing was imported"


class Full(StoreError):
    """The disk is full; nothing that was acknowledged is lost."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"no space left for {path}")
        self.path = path

    def hint(self) -> str:
        return "free some space and repeat the command"


def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    """The name that was probably meant."""
    from difflib import get_close_matches  # which nobody needs who makes no mistake

    return next(iter(get_close_matches(name, known, n=1)), None)


def show(path: bytes) -> str:
    """`path` for people: readable, on one line, no control characters, never ambiguous about bytes."""
    text = path.decode("utf-8", "backslashreplace")
    return repr(text if text.isprintable() else text.encode("unicode_escape").decode("ascii"))
