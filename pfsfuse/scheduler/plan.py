"""Which jobs new commits cause, and on which exact inputs: pure functions of records.

What has arrived, and what of it is one cause, is found by `arrivals.py`.

**One cause, the whole graph.** An arrival X on trips causes a job X in every pipeline that reads trips,
and at once, in topological order, in every pipeline that reads their output:

    trips@X ──→ sales: job X ──→ report: job X, waiting for sales@X
       └─────────────────────────↗

so a pipeline that reads a commit and something computed from it runs once, on both. When sales@X exists it
arrives on the branch, too; job X of report reads it already, and nothing happens.

**Inputs.** The other inputs of a job are what they were when X was finished, in this order:
  1. the output of an upstream job that X causes (its id is known before it exists);
  2. the commit that carries the id X itself;
  3. the output of the upstream pipeline's last job caused at or before X and not lost, finished or not:
     so a backlog gives the same jobs as processing each commit when it came;
  4. the last commit of the branch finished at or before X.
What was finished, or caused, later than now was so before the clock was set back, and counts as earlier than X. An
input that had nothing then means no job. An input with `propagation_spec: never` has these commits, too, but neither
what arrives on it nor an upstream job starts a job through it.

**Ids.** A job carries its cause's id, unless one of the pipelines that the cause reaches has a job, or its output
repo a commit, of that id: that is so when a branch was moved back to a commit seen before. Then all jobs of the cause
carry one new id, or `sales@ID` might not be what `report@ID` was computed from.

Source of the rule "one job for each pipeline and cause": Pachyderm's global ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from pfsfuse.pipeline import Leaf, Spec, inputs, starts_jobs, topological_order
from pfsfuse.scheduler.arrivals import Arrival, History, Reading, as_seen, causes
from pfsfuse.scheduler.job import Cause, Job, JobInput
from store import CommitId


class Past(Protocol):
    """What planning asks about the jobs that there are. It asks for few, however many there have been."""

    def find_job(self, pipeline: str, id: str) -> Job | None:
        """The pipeline's job of this id."""
        ...

    def newest_first(self, pipeline: str) -> Iterator[Job]:
        """Its jobs in falling order of their numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What planning would write."""

    jobs: tuple[Job, ...]
    """In the order of their causes; upstream before downstream."""
    cursors: Mapping[Reading, CommitId]
    """The commit up to which arrivals are planned now."""


def plan_jobs(
    specs: Mapping[str, Spec],
    created_ns: Mapping[str, int],
    arrivals: Mapping[Reading, Sequence[Arrival]],
    past: Past,
    history: History,
    *,
    now_ns: int,
    new_id: Callable[[], CommitId],
) -> Plan:
    """The jobs that `arrivals` cause, given when each pipeline was made and the jobs that there are."""
    arrivals = {reading: [as_seen(each, now_ns) for each in found] for reading, found in arrivals.items()}
    longest: dict[tuple[str, str], Sequence[Arrival]] = {}
    for (_, repo, branch), found in arrivals.items():
        # What pipelines have to catch up with on a branch ends at the same head: the longest holds the
        # others.
        if len(found) > len(longest.get((repo, branch), ())):
            longest[repo, branch] = found
    wanted = {
        (name, repo, branch, each.commit)
        for (name, repo, branch), found in arrivals.items()
        for each in found
    }
    planner = _Planner(specs, created_ns, past, history, now_ns, new_id)
    for cause in causes(longest.values()):
        planner.take(
            cause,
            {
                (name, each)
                for name in specs
                for each in cause
                if (name, each.repo, each.branch, each.commit) in wanted
            },
        )
    cursors = {reading: found[-1].commit for reading, found in arrivals.items()}
    return Plan(tuple(planner.planned), cursors)


def plan_retry(
    specs: Mapping[str, Spec],
    created_ns: Mapping[str, int],
    lost: Job,
    past: Past,
    history: History,
    *,
    id: str,
    now_ns: int,
) -> tuple[Job, ...]:
    """A job like `lost` under a new id, and the jobs downstream of it that its cause would have had, in order."""
    planner = _Planner(specs, created_ns, past, history, now_ns, CommitId.new)
    planner.retry(lost, CommitId.parse(id))
    return tuple(planner.planned)


def first_job(
    spec: Spec,
    heads: Sequence[Arrival | None],
    *,
    now_ns: int,
    taken: Callable[[CommitId], bool],
    number: int = 1,
    version: int = 1,
) -> Job | None:
    """The job of a pipeline that has just been made, updated or started, on the heads of its inputs (in the spec's
    order), or on commits that somebody has chosen; None when one of them has no commit. It carries the id of the
    newest, or a new one if that is taken."""
    found = [head for head in heads if head is not None]
    if len(found) < len(heads) or not found:
        return None
    newest = max(found, key=lambda head: head.finished_ns)
    id = newest.commit if not taken(newest.commit) else CommitId.new()
    pins = [head.commit for head in found]
    return replace(_job(spec, id, pins, newest, number, now_ns), version=version, alone=True)


class _Planner:
    """One planning in progress: the jobs that there are, and those that it has added."""

    def __init__(
        self,
        specs: Mapping[str, Spec],
        created_ns: Mapping[str, int],
        past: Past,
        history: History,
        now_ns: int,
        new_id: Callable[[], CommitId],
    ) -> None:
        self.planned: list[Job] = []
        self._added: dict[str, dict[str, Job]] = {name: {} for name in specs}
        """The same by pipeline and id."""
        self._specs = specs
        self._created_ns = created_ns
        self._order = topological_order(specs)
        self._past = past
        self._history = history
        self._now_ns = now_ns
        self._new_id = new_id

    def take(self, cause: Sequence[Arrival], wanted: set[tuple[str, Arrival]]) -> None:
        """Plan the jobs of one cause: of the pipelines that `wanted` names for one of its arrivals, and of all
        downstream of those."""
        first = cause[0]
        direct = {
            name
            for name in self._order
            if any((name, each) in wanted and not self._covered(name, each) for each in cause)
        }
        is_free = all(self._is_free(name, first.commit) for name in self._reached(direct))
        id = first.commit if is_free else self._new_id()
        caused: dict[str, Job] = {}
        for name in self._order:
            leaves = inputs(self._specs[name])
            if name in direct or self._follows(caused, self._specs[name]):
                self._add(name, id, [self._pin(leaf, cause, caused) for leaf in leaves], first, caused)

    def _reached(self, direct: set[str]) -> set[str]:
        """These pipelines, and all downstream of them."""
        reached = set(direct)
        for name in self._order:
            for leaf in filter(starts_jobs, inputs(self._specs[name])):
                if leaf.repo in reached and self._specs[leaf.repo].output_branch == leaf.branch:
                    reached.add(name)
        return reached

    def retry(self, lost: Job, id: CommitId) -> None:
        """Plan `lost` again as `id`, and what its cause would have brought about downstream. Inputs that do not follow
        from it are those of the jobs that are tried again."""
        cause = Arrival(
            lost.cause.repo, lost.cause.branch, CommitId.parse(lost.cause.commit), lost.cause.finished_ns
        )
        caused: dict[str, Job] = {}
        for name in self._order:
            spec = self._specs[name]
            if name != lost.pipeline and not self._follows(caused, spec):
                continue
            like = lost if name == lost.pipeline else self._last_of(name, lost)
            read = {_place(each): CommitId.parse(each.commit) for each in like.inputs} if like else {}
            pins = [
                read[_place(leaf)]
                if _place(leaf) in read and not self._feeds(caused, leaf)
                else self._pin(leaf, (cause,), caused)
                for leaf in inputs(spec)
            ]
            self._add(name, id if self._is_free(name, id) else self._new_id(), pins, cause, caused)

    def _last_of(self, name: str, lost: Job) -> Job | None:
        """The pipeline's last job of the same cause."""
        return next((job for job in self._newest_first(name) if job.cause == lost.cause), None)

    def _add(
        self,
        name: str,
        id: CommitId,
        pins: Sequence[CommitId | None],
        cause: Arrival,
        caused: dict[str, Job],
    ) -> None:
        """The job of a pipeline, unless one of its inputs had nothing."""
        known = [pin for pin in pins if pin is not None]
        if len(known) == len(pins):
            newest = next(self._newest_first(name), None)
            number = 1 if newest is None else newest.number + 1
            job = _job(self._specs[name], id, known, cause, number, self._now_ns)
            caused[name] = self._added[name][job.id] = job
            self.planned.append(job)

    def _covered(self, name: str, arrival: Arrival) -> bool:
        """Whether what this arrival means for the pipeline was decided together with something else.

        It is an input of the job of that id already; or it is the output of a job that was planned, with
        everything downstream, when the pipeline was there.
        """
        if arrival.moved:
            return False
        id = str(arrival.commit)
        job = self._find(name, id)
        if job is not None and job.reads(arrival.repo, id):
            return True
        maker = self._find(arrival.repo, id)
        return (
            maker is not None
            and not maker.alone
            and maker.output_branch == arrival.branch
            and maker.created_ns >= self._created_ns[name]
        )

    def _feeds(self, caused: Mapping[str, Job], leaf: Leaf) -> bool:
        return leaf.repo in caused and caused[leaf.repo].output_branch == leaf.branch

    def _follows(self, caused: Mapping[str, Job], spec: Spec) -> bool:
        """Whether one of these jobs starts a job of this pipeline."""
        return any(starts_jobs(leaf) and self._feeds(caused, leaf) for leaf in inputs(spec))

    def _is_free(self, name: str, id: CommitId) -> bool:
        return self._find(name, str(id)) is None and not self._history.has(name, id)

    def _find(self, name: str, id: str) -> Job | None:
        """The job of this id, of a pipeline that is planned for."""
        if name not in self._added:
            return None
        return self._added[name].get(id) or self._past.find_job(name, id)

    def _newest_first(self, name: str) -> Iterator[Job]:
        """All jobs of a pipeline that is planned for, in falling order of their numbers."""
        if name in self._added:
            yield from reversed(self._added[name].values())
            yield from self._past.newest_first(name)

    def _pin(self, leaf: Leaf, cause: Sequence[Arrival], caused: Mapping[str, Job]) -> CommitId | None:
        """The numbered rules at the top of this module."""
        arrival = cause[0]
        if any((leaf.repo, leaf.branch) == (each.repo, each.branch) for each in cause):
            return arrival.commit
        if self._feeds(caused, leaf):  # 1
            return CommitId.parse(caused[leaf.repo].id)
        if self._history.on_branch(leaf.repo, leaf.branch, arrival.commit):  # 2
            return arrival.commit
        for job in self._newest_first(leaf.repo):  # 3
            in_time = not arrival.finished_ns < job.cause.finished_ns <= self._now_ns
            if job.output_branch == leaf.branch and in_time and not job.lost:
                return CommitId.parse(job.id)
        time_ns = arrival.finished_ns
        return self._history.at_time(leaf.repo, leaf.branch, time_ns, now_ns=self._now_ns)  # 4


def _job(
    spec: Spec, id: CommitId, pins: Sequence[CommitId], arrival: Arrival, number: int, now_ns: int
) -> Job:
    given = zip(inputs(spec), pins, strict=True)
    return Job(
        pipeline=spec.name,
        id=str(id),
        output_branch=spec.output_branch,
        inputs=tuple(
            JobInput(name=leaf.name, repo=leaf.repo, branch=leaf.branch, commit=str(pin))
            for leaf, pin in given
        ),
        cause=Cause(
            repo=arrival.repo,
            branch=arrival.branch,
            commit=str(arrival.commit),
            finished_ns=arrival.finished_ns,
        ),
        number=number,
        created_ns=now_ns,
    )


def _place(each: Leaf | JobInput) -> tuple[str, str, str]:
    """What tells one input from the others: members of a union may share a name."""
    return each.name, each.repo, each.branch
