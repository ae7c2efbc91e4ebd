"""Planning as a function of values, against a history that is a dictionary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scheduling import spec

from pfsfuse.pipeline import Spec
from pfsfuse.scheduler.arrivals import Arrival, Reading, find_arrivals, in_order
from pfsfuse.scheduler.job import Job
from pfsfuse.scheduler.plan import plan_jobs
from pfsfuse.scheduler.steps import Fail, Run, next_steps
from store import CommitId


def number(n: int) -> CommitId:
    return CommitId.parse(f"{n:032x}")


@dataclass
class World:
    """Repos as lists of (commit, time), and a scheduler's records, without a store."""

    specs: Mapping[str, Spec]
    branches: dict[str, list[tuple[CommitId, int]]] = field(default_factory=dict)
    cursors: dict[Reading, CommitId | None] = field(default_factory=dict)
    jobs: dict[str, list[Job]] = field(default_factory=dict)
    now_ns: int = 1_000_000
    _fresh: Iterator[int] = field(default_factory=lambda: iter(range(10**6, 10**7)))

    # what planning asks

    def arrivals(self, repo: str, branch: str, after: CommitId | None) -> Sequence[Arrival]:
        commits = self.branches.get(repo, [])
        ids = [commit for commit, _ in commits]
        if after is not None and after not in ids:
            return [Arrival(repo, branch, *commits[-1], moved=True)] if commits else []
        start = ids.index(after) + 1 if after is not None else 0
        return [Arrival(repo, branch, commit, time_ns) for commit, time_ns in commits[start:]]

    def on_branch(self, repo: str, branch: str, commit: CommitId) -> bool:
        return self.has(repo, commit)

    def at_time(self, repo: str, branch: str, time_ns: int, *, now_ns: int) -> CommitId | None:
        if self.branches.get(repo) and self.branches[repo][-1][1] > now_ns:
            return self.branches[repo][-1][0]
        known = [commit for commit, made_ns in self.branches.get(repo, []) if made_ns <= time_ns]
        return known[-1] if known else None

    def has(self, repo: str, commit: CommitId) -> bool:
        return commit in [known for known, _ in self.branches.get(repo, [])]

    # what happens

    def commit(self, repo: str, commit: CommitId, time_ns: int) -> None:
        self.branches.setdefault(repo, []).append((commit, time_ns))

    def plan(self) -> list[Job]:
        arrivals = find_arrivals(self.specs, self.cursors, self)
        plan = plan_jobs(
            self.specs,
            dict.fromkeys(self.specs, 0),
            arrivals,
            self,
            self,
            now_ns=self.now_ns,
            new_id=lambda: number(next(self._fresh)),
        )
        self.cursors |= plan.cursors
        for job in plan.jobs:
            self.jobs.setdefault(job.pipeline, []).append(job)
        return list(plan.jobs)

    def work(self, time_ns: int) -> None:
        """Run what can be run, and plan, until there is nothing left to do."""
        while steps := next_steps(self.open(), self.find_job):
            for step in steps:
                assert isinstance(step, Run)
                self.end(step.job, "success")
                self.commit(step.job.pipeline, CommitId.parse(step.job.id), time_ns)
            self.plan()

    def open(self) -> list[Job]:
        return [job for jobs in self.jobs.values() for job in jobs if not job.ended]

    def find_job(self, pipeline: str, id: str) -> Job | None:
        return next((job for job in self.jobs.get(pipeline, []) if job.id == id), None)

    def newest_first(self, pipeline: str) -> Iterator[Job]:
        return iter(self.jobs.get(pipeline, [])[::-1])

    def end(self, job: Job, state: str) -> None:
        jobs = self.jobs[job.pipeline]
        jobs[jobs.index(job)] = replace(job, state=state)

    def story(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """For each pipeline, its jobs' ids and inputs, in order."""
        return {
            name: [(job.id, tuple(each.commit for each in job.inputs)) for job in jobs]
            for name, jobs in self.jobs.items()
        }


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Spec]:
    """Up to five pipelines, each reading one or two of the repos `a`, `b` and the pipelines before it."""
    repos = ["a", "b"]
    specs = {}
    for name in [f"p{n}" for n in range(draw(st.integers(1, 5)))]:
        read = draw(st.lists(st.sampled_from(repos), min_size=1, max_size=2, unique=True))
        specs[name] = spec(name, *read)
        repos.append(name)
    return specs


commits = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=8)
"""Who gets each commit; `ab`: both repos, in one transaction."""


@given(graphs(), commits)
def test_a_backlog_gives_the_same_jobs_as_planning_each_commit_when_it_came(
    specs: dict[str, Spec], repos: list[str]
) -> None:
    prompt, late = World(specs), World(specs)
    for n, repo in enumerate(repos):
        for each in repo:
            prompt.commit(each, number(n), 10 * n)
            late.commit(each, number(n), 10 * n)
        prompt.plan()
        prompt.work(10 * n + 1)
    late.plan()
    late.work(10 * len(repos))
    assert late.story() == prompt.story()


@given(graphs(), commits)
def test_each_pipeline_has_one_job_for_each_cause_and_nothing_is_planned_twice(
    specs: dict[str, Spec], repos: list[str]
) -> None:
    world = World(specs)
    for n, repo in enumerate(repos):
        for each in repo:
            world.commit(each, number(n), n)
    world.plan()
    world.work(len(repos))
    assert world.plan() == []
    for jobs in world.jobs.values():
        causes = [job.cause.commit for job in jobs]
        assert len(set(causes)) == len(causes)
        assert [job.id for job in jobs] == causes
        assert [job.number for job in jobs] == list(range(1, len(jobs) + 1))


@given(graphs(), commits)
def test_along_a_pipeline_s_jobs_no_input_ever_goes_back(specs: dict[str, Spec], repos: list[str]) -> None:
    world = World(specs)
    for n, repo in enumerate(repos):
        for each in repo:
            world.commit(each, number(n), n)
    world.plan()
    for jobs in world.jobs.values():
        for before, after in pairwise(jobs):
            pairs = zip(before.inputs, after.inputs, strict=True)
            assert all(old.commit <= new.commit for old, new in pairs)


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=4))
def test_arrivals_keep_their_ancestors_before_them_whatever_the_clocks_said(times: list[list[int]]) -> None:
    branches = [
        [Arrival(f"r{n}", "master", number(i), time_ns) for i, time_ns in enumerate(branch)]
        for n, branch in enumerate(times)
    ]
    merged = list(in_order(branches))
    for branch in branches:
        assert [each for each in merged if each in branch] == branch


def test_arrivals_of_two_branches_are_taken_as_they_came() -> None:
    a = [Arrival("a", "master", number(n), n) for n in (1, 4)]
    b = [Arrival("b", "master", number(n), n) for n in (2, 3)]
    assert [each.finished_ns for each in in_order([a, b])] == [1, 2, 3, 4]


def test_two_repos_with_one_id_cause_one_job() -> None:
    world = World({"both": spec("both", "a", "b")})
    world.commit("a", number(7), 1)
    world.commit("b", number(7), 2)
    (job,) = world.plan()
    assert {each.commit for each in job.inputs} == {job.id}


def test_commits_made_together_are_one_cause_all_the_way_down() -> None:
    world = World({"x": spec("x", "a"), "y": spec("y", "b"), "z": spec("z", "x", "y", "a")})
    for n in (1, 2):
        world.commit("a", number(n), n)
        world.commit("b", number(n), n)
    world.plan()
    assert {name: [job.id for job in jobs] for name, jobs in world.jobs.items()} == {
        name: [str(number(1)), str(number(2))] for name in "xyz"
    }
    assert all(each.commit == job.id for jobs in world.jobs.values() for job in jobs for each in job.inputs)


def test_a_job_waits_for_its_upstream_and_fails_with_it() -> None:
    world = World({"sales": spec("sales", "a"), "report": spec("report", "sales", "a")})
    world.commit("a", number(1), 1)
    sales, report = world.plan()
    assert next_steps(world.open(), world.find_job) == [Run(sales)]
    world.end(sales, "failed")
    assert next_steps(world.open(), world.find_job) == [Fail(report, "upstream sales failed")]


def test_a_pipeline_s_jobs_run_one_after_another() -> None:
    world = World({"sales": spec("sales", "a")})
    for n in (1, 2):
        world.commit("a", number(n), n)
    first, _ = world.plan()
    assert next_steps(world.open(), world.find_job) == [Run(first)]


def test_a_failed_output_is_not_read_by_later_jobs() -> None:
    world = World({"sales": spec("sales", "a"), "mix": spec("mix", "sales", "b")})
    world.commit("b", number(1), 1)
    world.commit("a", number(2), 2)
    world.plan()
    world.work(3)
    world.commit("a", number(4), 4)
    bad, _ = world.plan()
    world.end(bad, "failed")
    world.commit("b", number(5), 5)
    *_, last = world.plan()
    assert [each.commit for each in last.inputs] == [str(number(2)), str(number(5))]


def test_a_cause_whose_id_is_taken_gives_all_its_jobs_one_new_id() -> None:
    chain = {
        "sales": spec("sales", "trips"),
        "report": spec("report", "sales"),
        "late": spec("late", "sales"),
    }
    world = World({name: chain[name] for name in ("sales", "report")})
    for n in (1, 2):
        world.commit("trips", number(n), n)
        world.plan()
    world.specs = chain  # `late` has no job of that id
    world.branches["trips"].pop()  # the branch is moved back
    ids = {job.pipeline: job.id for job in world.plan()}
    assert ids.keys() == chain.keys() and len(set(ids.values())) == 1
    assert ids["sales"] not in (str(number(1)), str(number(2)))


def quiet(name: str, starting: str, silent: str) -> Spec:
    """A pipeline that reads both repos, and that only commits of the first start."""
    leaves: list[object] = [
        {"pfs": {"repo": starting, "glob": "/"}},
        {"pfs": {"repo": silent, "glob": "/", "propagation_spec": {"never": True}}},
    ]
    return spec(name, starting, input={"cross": leaves})


def test_an_input_that_never_propagates_starts_no_job_and_is_read_as_it_is() -> None:
    world = World({"sales": quiet("sales", "trips", "model")})
    world.commit("model", number(1), 1)
    world.commit("trips", number(2), 2)
    assert [[each.commit for each in job.inputs] for job in world.plan()] == [
        [str(number(2)), str(number(1))]
    ]
    world.commit("model", number(3), 3)
    assert world.plan() == []
    world.commit("trips", number(4), 4)
    assert [[each.commit for each in job.inputs] for job in world.plan()] == [
        [str(number(4)), str(number(3))]
    ]


def test_an_upstream_job_starts_nothing_through_an_input_that_never_propagates() -> None:
    world = World({"train": spec("train", "days"), "sales": quiet("sales", "trips", "train")})
    world.commit("trips", number(1), 1)
    world.commit("days", number(2), 2)
    assert [job.pipeline for job in world.plan()] == ["train"]
    world.work(3)
    assert "sales" not in world.jobs
    world.commit("trips", number(4), 4)
    assert [[each.commit for each in job.inputs] for job in world.plan()] == [
        [str(number(4)), str(number(2))]
    ]


def test_after_the_clock_was_set_back_the_other_inputs_are_what_was_there_before() -> None:
    world = World({"sales": spec("sales", "a"), "mix": spec("mix", "sales", "b")}, now_ns=100)
    for n, repo in ((1, "b"), (2, "a"), (3, "b")):
        world.commit(repo, number(n), 90 + n)
    world.plan()
    world.work(94)
    world.now_ns = 50
    world.commit("a", number(4), 44)
    *_, first = world.plan()
    assert [each.commit for each in first.inputs] == [str(number(4)), str(number(3))]
    world.commit("b", number(5), 45)
    (second,) = world.plan()
    assert [each.commit for each in second.inputs] == [str(number(4)), str(number(5))]
