"""Verbs whose words have other shapes than commits, or whose near misses are other verbs."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches

from pfsfuse.cli.meant.known import Known, join, without_bare
from pfsfuse.cli.meant.line import Line, quoted

Special = Callable[[Line, tuple[str, ...], Known], str]


def _new_name(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`tag create trips v1`, `tag create v1 trips@master.1`, `tag create trips@v1 master.1`."""
    repo = next((known.repo(word) for word in words if known.repo(word)), "")
    repo = repo or (known.repos[0] if len(known.repos) == 1 else "")
    if not repo or not words or len(words) > 3 or set(line.options) & {"--at", "--head"}:
        return ""
    if words == (repo,):
        return line.said(f"{repo}@NAME")
    rest = [word for word in words if word != repo]
    names = [word for word in rest if known.repo(word) and not known.is_there(word)] or [
        word for word in rest if not known.repo(word) and not known.is_there(f"{repo}@{word}")
    ]
    name = (names or rest)[0]
    others = [word for word in rest if word != name]
    at = join([repo, *others], known)[1:] if others else ()
    if len(at) > 1 or not all(map(known.is_there, at)):
        return ""
    name = name if known.repo(name) else f"{repo}@{name}"
    return line.said(name, options=("--at", *at) if at else ())


def _range(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`squash trips@master.1 trips@master.3` and `squash trips master.1 master.3`."""
    ends = join(words, known)
    ends = without_bare(ends) if len(ends) > 2 else ends
    if len(ends) != 2 or not all(map(known.is_there, ends)) or known.repo(ends[0]) != known.repo(ends[1]):
        return ""
    (repo, _, first), (_, _, second) = (end.partition("@") for end in ends)
    return line.said(f"{repo}@{first}..{second}") if first and second else ""


def _to_put(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`put trips a.csv`, `put a.csv trips dev`, and `cp a.csv trips`."""
    files = tuple(word for word in words if not known.repo(word) and os.path.lexists(word))
    places = without_bare(join([word for word in words if word not in files], known))
    if not places and len(known.repos) == 1 and line.verb == "put":
        places = known.repos
    if not files or len(places) != 1 or not known.repo(places[0]):
        return ""
    return line.said(*files, *places, verb="" if line.verb == "put" else "put")


def _inside(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`mv trips:a.csv b.csv`, and `mv trips a.csv b.csv`."""
    if len(words) < 2 or known.repo(words[-1]):
        return ""
    sources = without_bare(join(words[:-1], known))
    repo = known.repo(sources[0])
    if not repo or not all(":" in each and known.is_there(each) for each in sources):
        return ""
    if words[-1].startswith(("/", ".")) or os.path.isdir(words[-1]):
        return line.said(*sources, words[-1], verb="get") if line.verb == "cp" else ""
    place = sources[0].partition(":")[0]
    within = line.said(*sources, f"{place}:{words[-1]}")
    if line.verb != "cp":
        return within
    out = " ".join(map(quoted, ("pfs", "get", *sources, words[-1])))
    return f"{within} Out of the repo copies `{out}`"


def _listed(verb: str) -> Special:
    """`branch trips`: a noun without its verb, or the verb for many where one is named."""

    def special(line: Line, words: tuple[str, ...], known: Known) -> str:
        return line.said(*words, verb=verb) if len(words) == 1 and words[0] in known.repos else ""

    return special


def _new_or_shown(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`branch dev` and `tag v1 trips`: what is there is shown, and what is not is made."""
    joined = without_bare(join(words, known))
    if len(joined) == 1 and known.repo(joined[0]) and known.is_there(joined[0]):
        return line.said(*joined, verb="show")
    made = replace(line, verb=f"{line.verb} create", words=())
    return _new_name(made, words, known)


def _branch_for_repo(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`repo create trips@dev`."""
    is_branch = len(words) == 1 and "@" in words[0] and known.repo(words[0]) and not known.is_there(words[0])
    return line.said(*words, verb="branch create") if is_branch else ""


def _file_first(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`bundle create trips trips.pfsb`, and `bundle create trips`."""
    repos = tuple(word for word in words if known.repo(word))
    files = tuple(word for word in words if word not in repos)
    if not repos or len(files) > 1 or (files and words[0] in files):
        return ""
    return line.said(*(files or ("FILE",)), *repos, verb="bundle create")


def _message(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`commit trips "what it says"`."""
    repos = tuple(word for word in words if known.repo(word))
    said = tuple(
        word for word in words if not known.repo(word) and not known.is_there(f"{(*repos, '')[0]}@{word}")
    )
    fits = repos and said and (*repos, *said) == words and "-m" not in line.options
    return line.said(*repos, options=("-m", " ".join(said))) if fits else ""


def quotes(line: Line, known: Known) -> str:
    """`put a.csv trips -m fix the rain`: where one of the words is no repo, nor nearly one, nor a file."""
    words = line.words[: len(line.words) - len(line.spilled)]
    said = [word for word in line.spilled if not known.repo(word) and not os.path.lexists(word)]
    if all(get_close_matches(word, known.repos) for word in said) or len(words) < max(line.least, 1):
        return ""
    *options, option, first = line.options
    message = " ".join((first, *line.spilled))
    return replace(line, options=tuple(options)).said(*words, options=(option, message))


def _specification(line: Line, words: tuple[str, ...], known: Known) -> str:
    """`pipeline create sales.json`."""
    is_file = len(words) == 1 and os.path.isfile(words[0]) and "-f" not in line.options
    return line.said("-f", words[0]) if is_file else ""


SPECIAL: dict[str, tuple[Special, ...]] = {
    "tag create": (_new_name,),
    "branch create": (_new_name,),
    "squash": (_range,),
    "put": (_to_put,),
    "cp": (_inside, _to_put),
    "mv": (_inside,),
    "branch": (_listed("branch list"), _new_or_shown),
    "tag": (_listed("tag list"), _new_or_shown),
    "repo create": (_branch_for_repo,),
    "repo": (_listed("repo show"),),
    "repo list": (_listed("repo show"),),
    "job": (_listed("job list"),),
    "pipeline": (_listed("pipeline show"),),
    "pipeline list": (_listed("pipeline show"),),
    "bundle": (_file_first,),
    "bundle create": (_file_first,),
    "commit": (_message,),
    "pipeline create": (_specification,),
    "pipeline update": (_specification,),
    "service create": (_specification,),
}
"""By verb; the first that finds something is believed."""
