"""The Python face: measure a suite, read a run, judge answers that you have.

    import harness

    run = harness.judge(expected, predicted, thresholds=["accuracy >= 90%"])   # two sequences of n labels
    run.verdict, run.figure("recall[spam]")                                    # READY, Figure(.93, .88 to .96, n=120)

    run = harness.run("suites/sms.suite.yml", models={"mine": classify})       # any function from text to text
    run = harness.load("latest")

All that is heavy is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.ground import UsageError, candidate_asked

if TYPE_CHECKING:
    import polars as pl

    from harness.judge import Check, Comparison
    from harness.judge.assess import Assessment, CandidateAssessment, View
    from harness.measure.bounds import PlanSummary
    from harness.measure.endpoint.function import Function
    from harness.rundir import Event, Manifest

    Events = Callable[[], Iterable[Event]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with its two-sided interval; `value` is None where it is undefined, and `why` says why.

    Shares are from 0 to 1, times in seconds, money in the currency of the model's price.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int  # cases, predictions or calls that it is a share or a mean of
    confidence: float
    why: str = ""


class Run:
    """A run that was measured, or answers that were given, and what they prove."""

    def __init__(self, manifest: Manifest, events: Events, folder: Path | None, candidate: str = "") -> None:
        self.folder = folder  # None where nothing was written
        self._named = candidate  # the one that is meant where none is named
        self._manifest = manifest
        self._events = events

    @cached_property
    def assessment(self) -> Assessment:
        """Everything that the judge says: the content of report.json."""
        if self.folder is not None:
            from harness.cli.judged import as_judged, only

            return only(as_judged(self.folder, self._manifest), self._named)
        from harness.judge.assess import assess

        return assess(self._manifest, self._events())

    @property
    def verdict(self) -> str:
        """READY, NOT READY, INCONCLUSIVE or NOT MEASURED: of the best candidate."""
        return self.assessment.verdict

    @property
    def headline(self) -> str:
        """The verdict and its reason, as one sentence."""
        return self.assessment.headline

    @property
    def candidates(self) -> tuple[str, ...]:
        """The names of the candidates, as `prompt@model`."""
        return tuple(each.name for each in self.assessment.candidates)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The checks of the only candidate. Raises UsageError where there are several: see `checks_of`."""
        return self.checks_of(None)

    def checks_of(self, candidate: str | None) -> tuple[Check, ...]:
        """Give the checks of a candidate: threshold, figure, PASS, FAIL or INCONCLUSIVE, and why."""
        return self._candidate(candidate).checks

    def figure(self, name: str, candidate: str | None = None) -> Figure:
        """Give a figure as a threshold names it: `accuracy`, `recall[spam] where tag=short`, `latency.p95`.

        Raises UsageError for a name that is none, and where there are several candidates and none is named.
        """
        from harness.files.thresholds import ThresholdError, parse_threshold
        from harness.judge.checks import check

        view = self._views[self._candidate(candidate).name]
        parsed, refused = None, ""
        for op in (">=", "<="):
            try:
                parsed = parse_threshold(f"{name} {op} baseline", labels=view.labels)
                break
            except ThresholdError as error:
                refused = refused or f"{error.message} {error.fix}".rstrip()
        if parsed is None:
            raise UsageError(f"figure {name!r}: {refused}")
        found = check(view, parsed, None).estimate
        return Figure(found.value, found.low, found.high, found.n, found.confidence, found.why_undefined or "")

    def confusion(self, candidate: str | None = None) -> dict[str, dict[str, int]]:
        """Give trials by expected label and label as read; the last column, `no label`, holds all others."""
        table = self._candidate(candidate).classification.confusion
        return {
            row: dict(zip(table.columns, counts, strict=True))
            for row, counts in zip(table.rows, table.counts, strict=True)
        }

    def trials(self) -> pl.DataFrame:
        """Give a table of polars with a row a trial and the columns of `harness export`; pandas reads it too.

        Raises UsageError where polars (the extra `tables`) is not installed.
        """
        from harness.report.export import COLUMNS, rows_of

        found = (row for row in rows_of(self._manifest, self._events) if self._named in {"", row["candidate"]})
        rows = [{name: row.get(name) for name in COLUMNS} for row in found]
        try:
            import polars
        except ImportError:
            raise UsageError("a table needs polars, which is not installed.", fix="pip install polars") from None
        return polars.DataFrame(rows, infer_schema_length=None)

    def report(self, path: Path | str) -> Path:
        """Write the HTML report as one file; gives its path."""
        from harness.report.run import render_html, run_view

        written = Path(path)
        written.write_text(render_html(run_view(self.assessment, self._manifest)), encoding="utf-8")
        return written

    def __repr__(self) -> str:
        return f"<Run {self._manifest.run_id}: {self.verdict}>"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(each.name)}</td><td>{escape(check.threshold)}</td><td>{check.status}</td>"
            f"<td style='text-align:left'>{escape(check.why)}</td></tr>"
            for each in self.assessment.candidates
            for check in each.checks
        )
        head = "<tr><th>candidate</th><th>threshold</th><th>status</th><th>why</th></tr>"
        return f"<p><b>{escape(self.headline)}</b></p><table>{head}{rows}</table>"

    @cached_property
    def _views(self) -> dict[str, View]:
        from harness.judge.assess import views

        return views(self._manifest, self._events())

    def _candidate(self, name: str | None) -> CandidateAssessment:
        every = {each.name: each for each in self.assessment.candidates}
        if name is None and len(every) == 1:
            return next(iter(every.values()))
        if name not in every:
            said = "several candidates were measured." if name is None else f"there is no candidate {name!r}."
            raise UsageError(said, fix=f"Name one of {', '.join(every)}.")
        return every[name]


def load(run: str | Path = "latest", *, project: Path | str | None = None) -> Run:
    """Read a run by id, unique prefix, path or `latest`, of the project around the working directory.

    `latest:v2@mini` is one candidate of it alone.

    Raises UsageError where there is none, or it is damaged.
    """
    folder, _, candidate = candidate_asked(str(run), None if project is None else Path(project))
    return _stored(folder, candidate)


def _stored(folder: Path, candidate: str = "") -> Run:
    from harness.rundir import events_of, read_manifest

    return Run(read_manifest(folder), lambda: events_of(folder), folder, candidate)


def run(
    suite: Path | str,
    *,
    prompts: Sequence[str] = (),
    models: Sequence[str] | Mapping[str, Function] = (),
    repeats: int | None = None,
    limit: int | None = None,
    thresholds: Sequence[str] = (),
) -> Run:
    """Measure a suite as `harness run` does; what ends it early is raised and names the run to resume.

    `thresholds` stand for the suite's own.

    `models` are names of harness.yml, or a mapping from names to functions from text to text: models of your
    own, called with the same limits, retries, clock and journal. Of a chat prompt a function gets the messages as
    one text; one whose parameter is annotated as `dict` gets the inputs of the case instead. It may be async.
    """
    from harness.cli.measured import measure_bundle
    from harness.files.bundle import load_bundle
    from harness.measure.endpoint.function import entry_of, forget

    entries = {each: entry_of(each, models[each]) for each in models} if isinstance(models, Mapping) else None
    try:
        bundle = load_bundle(
            Path(suite),
            prompts=_several(prompts),
            models=_several(models),
            repeats=repeats,
            thresholds=_several(thresholds),
            limit=limit,
            entries=entries,
        )
        return _stored(measure_bundle(bundle, processes=None, quiet=True))
    finally:
        forget((entries or {}).values())


def _several(names: Iterable[str]) -> tuple[str, ...]:
    """Give names as they are listed; a text alone is one of them, not its letters."""
    return (names,) if isinstance(names, str) else tuple(names)


def check(suite: Path | str, *, models: Sequence[str] = ()) -> PlanSummary:
    """Say what a run would do and cost, without a call. Raises FilesError with every problem of every file."""
    from harness.files.bundle import load_bundle
    from harness.measure.bounds import estimate

    return estimate(load_bundle(Path(suite), models=_several(models)))


def compare(baseline: Run, candidate: Run, *, margin: float = 0.02) -> Comparison:
    """Hold the only candidate of one run against that of another, on the cases that both have.

    `margin` is the loss of a share that would not matter. Raises UsageError where a run has several candidates.
    """
    from harness.judge.compare import compare as compared

    if not isinstance(margin, (int, float)) or not 0 <= margin < 1:
        raise UsageError(f"compare: margin {margin!r}: must be a share, such as 0.02.")
    sides = [each._views[each._candidate(None).name] for each in (baseline, candidate)]
    return compared(*sides, margin=margin)


def judge(
    expected: Sequence[object],
    predicted: Sequence[object],
    *,
    cases: Sequence[object] | None = None,
    latency_s: Sequence[float] | None = None,
    thresholds: Sequence[str] | None = None,
    positive: str | None = None,
    name: str = "given",
) -> Run:
    """Judge answers that you have, with intervals and thresholds, and no prompt or model.

    All sequences have one length n, in scikit-learn's order of arguments: the right labels, the labels that were
    predicted (None or NaN: none was), for repeated cases their names, and the seconds that each answer took, if you
    measured them. Rows of one case are its repeats. Labels are compared as texts. Without `thresholds` the
    documented defaults apply. Raises UsageError where lengths differ, labels contradict, or a threshold is none.
    """
    from harness.judge.given import answers_of, decidable, given_run, suite_of

    try:
        answers = answers_of(expected, predicted, cases, latency_s)
        seen = {text for each in answers for text in (each.expected, getattr(each.outcome, "text", "")) if text}
        reads = {"as": "exact", "case_sensitive": True}
        suite = {"name": name, "labels": sorted(seen), "positive": positive, "reply": reads}
        read = suite_of(suite, answers)
        wanted = decidable(read, timed=latency_s is not None) if thresholds is None else _several(thresholds)
        read = read.model_copy(update={"thresholds": tuple(wanted)})
        manifest, events = given_run(answers, read, at_utc=datetime.now(UTC).isoformat())
        made = Run(manifest, lambda: events, None)
        _ = made.assessment
        return made
    except ValueError as error:
        raise UsageError(f"judge: {error}") from None
