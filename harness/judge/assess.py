"""A run -> its assessment: pure and deterministic, so that any run can be judged again years later."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from harness import judge
from harness.cores import kept
from harness.errors import fitting_together
from harness.files.thresholds import Threshold, metric_of
from harness.judge import OUTCOMES, Assessment, CandidateAssessment, PastRun, Verdict, checks, listed, settled
from harness.judge.compare import leaderboard
from harness.judge.history.found import answered_figures, past_runs, split_figures
from harness.judge.history.section import judged_history, lab_run, runs_before
from harness.judge.history.series import earlier
from harness.judge.leakage.section import judged_leakage, sought
from harness.judge.sections.classification import judged_classification, judged_slices
from harness.judge.sections.cost import judged_cost
from harness.judge.sections.generalization import judged_generalization, other_split
from harness.judge.sections.latency import judged_latency, timing_quality
from harness.judge.sections.notable import maybe_mislabelled, notable_cases, notable_counts
from harness.judge.sections.robustness import judged_robustness
from harness.judge.sections.stability import judged_stability
from harness.judge.sections.tradeoff import judged_tradeoff
from harness.judge.sections.trouble import cut_while_thinking, judged_replies, no_reply, what_went_wrong
from harness.judge.sections.versions import with_growth, with_versions
from harness.judge.table.read import tabulate
from harness.judge.view import BESIDE, RunTable, RunView, View
from harness.rundir import LOOKED_BACK_ON, SCHEMA_VERSION, Event, Manifest, events_of, read_manifest, runs_of_suite


def assess_run(
    run: Path,
    thresholds: Sequence[Threshold] | None = None,
    *,
    baseline: Assessment | checks.Baseline | None = None,
    trusted: Callable[[Path], bool] | None = None,
    labelled: Mapping[str, str] | None = None,
) -> Assessment:
    """Judge the run in a folder, under its own thresholds or others, after the runs before it in there.

    `trusted` says which of those folders may be read at all; `labelled` holds right labels of cases without.
    """
    manifest = read_manifest(run)
    now = (manifest.created_utc, manifest.run_id)
    results = run.resolve().parent
    with fitting_together(run):
        before = runs_of_suite(results, manifest.suite_name, before=now, most=LOOKED_BACK_ON, trusted=trusted)
        events = events_of(run)
        past = past_runs(before)
        return assess(manifest, events, thresholds=thresholds, baseline=baseline, past=past, labelled=labelled)


def assess(
    manifest: Manifest,
    events: Iterable[Event],
    *,
    thresholds: Sequence[Threshold] | None = None,
    baseline: Assessment | checks.Baseline | None = None,
    past: Sequence[PastRun] = (),
    labelled: Mapping[str, str] | None = None,
) -> Assessment:
    """Judge a run from its events and what is known of earlier runs; same input in any order, same result."""
    past = earlier(past, (manifest.created_utc, manifest.run_id))
    with kept(manifest.planned_trials in BESIDE):
        run = RunView(manifest, tabulate(manifest, events, labelled), past=past, thresholds=thresholds)
        sought(run)
        before = checks.baseline_of(baseline)
        policies = [_policy(view, before) for view in run.views]
        candidates = tuple(_candidate(view, policy, before) for view, policy in zip(run.views, policies, strict=True))
    candidates = with_growth(run.views, with_versions(candidates, manifest, past))
    candidates = checks.among_candidates(candidates, run.error)
    measured = [
        (view, made) for view, made in zip(run.views, candidates, strict=True) if made.verdict != "NOT MEASURED"
    ]
    uninformative = checks.no_information([view for view, _ in measured])
    candidates = tuple(
        msgspec.structs.replace(candidate, traps=(*candidate.traps, *uninformative)) for candidate in candidates
    )
    candidates = _with_choice(run.views, candidates)
    asked = tuple(t for t in run.policy if not run.has_defaults or any(t in mine for mine in policies))
    board = leaderboard([view for view, _ in measured], [made for _, made in measured])
    return msgspec.structs.replace(
        _assessment(run, asked, candidates),
        maybe_mislabelled=maybe_mislabelled([view for view, _ in measured]),
        leaderboard=board,
        next_step=checks.taken(candidates, board).next_step if candidates else None,
    )


def _with_choice(views: Sequence[View], candidates: tuple[CandidateAssessment, ...]) -> tuple[CandidateAssessment, ...]:
    """Say of the best of several that passed what being chosen on these same cases is worth."""
    best = checks.best_first(candidates)[0] if candidates else None
    if best is None or not checks.passed_alone(best):
        return candidates
    known = {one.name for one in candidates if one.verdict != "NOT MEASURED"}
    measured = [view for view in views if view.entry.name in known]
    (chosen,) = (view for view in measured if view.entry.name == best.name)
    told = checks.best_of_many(measured, chosen)
    return tuple(msgspec.structs.replace(one, traps=(*one.traps, *told)) if one is best else one for one in candidates)


def views_of(run: Path, *, labelled: Mapping[str, str] | None = None) -> dict[str, View]:
    """Read the run in a folder: its candidates by name, without judging them; `labelled` as in `assess_run`."""
    with fitting_together(run):
        return views(read_manifest(run), events_of(run), labelled=labelled)


def views(
    manifest: Manifest,
    events: Iterable[Event],
    thresholds: Sequence[Threshold] | None = None,
    labelled: Mapping[str, str] | None = None,
) -> dict[str, View]:
    """Give the candidates of a run's events by name."""
    run = RunView(manifest, tabulate(manifest, events, labelled), thresholds=thresholds)
    return {view.entry.name: view for view in run.views}


def _policy(view: View, baseline: checks.Baseline | None) -> tuple[Threshold, ...]:
    """Give a candidate's thresholds: of the defaults only those on things that it has.

    Those are a past to drift from, and two kinds of cases between which there may be a gap.
    """
    policy = view.run.policy
    if not view.run.has_defaults:
        return policy
    has_past = baseline is not None or bool(runs_before(view))
    has_gap = lab_run(view) is not None or other_split(view) is not None
    known = [(t, metric_of(t.metric)) for t in policy]
    return tuple(t for t, of in known if (has_past or not of.earlier) and (has_gap or not of.splits))


def _candidate(view: View, policy: Sequence[Threshold], baseline: checks.Baseline | None) -> CandidateAssessment:
    alone = View(view.run, view.entry, view.every_trial) if view.run.has_room else None
    sections = None if alone is None else view.run.beside(_sections, alone)
    before = None if baseline is None else baseline.before(view)
    judged = checks.check_all(view, policy, before)
    judged = judged if view.stopped is None else checks.as_settled(view, policy, judged)
    verdict: Verdict = "NOT MEASURED" if no_reply(view) else checks.verdict_of(judged, missing=view.missing)
    troubles = what_went_wrong(view, verdict, checks.hanging_on(view, policy, judged, before))
    early = checks.settled_early(view)
    reason = _reason(view, verdict, judged, troubles, early)
    made = CandidateAssessment(
        name=view.entry.name,
        prompt=view.entry.prompt_name,
        model=view.entry.model_name,
        verdict=verdict,
        headline=f"{verdict}: {reason}",
        reason=reason,
        checks=judged,
        traps=(*cut_while_thinking(view), *checks.traps_of(view, judged, policy)),
        outcomes={name: int((view.trials.outcome == place).sum()) for place, name in enumerate(OUTCOMES)},
        trials=len(view.trials),
        cases=len(view.cases),
        repeats=max(view.repeats, view.manifest.repeats if view.missing else 0),
        **(_sections(view) if sections is None else sections.result()),
        leakage=judged_leakage(view),
        went_wrong=troubles,
        lost=view.lost,
        answered=answered_figures(view) if view.lost and verdict != "NOT MEASURED" else {},
        answered_splits=split_figures(view) if view.lost and verdict != "NOT MEASURED" else {},
        open_by_failures=checks.open_by_failures(verdict, judged),
        settled=early,
        not_run=view.missing,
    )
    return msgspec.structs.replace(
        made,
        history=judged_history(view, made, policy),
        confused=checks.confused(view),
        next_step=checks.next_step(view, made),
    )


def _sections(view: View) -> dict[str, Any]:
    """Give what is said of a candidate whatever the verdict."""
    return {
        "timing_quality": timing_quality(view),
        "classification": judged_classification(view),
        "latency": judged_latency(view),
        "stability": judged_stability(view),
        "cost": judged_cost(view),
        "slices": judged_slices(view),
        "robustness": judged_robustness(view),
        "generalization": judged_generalization(view),
        "tradeoff": judged_tradeoff(view),
        "notable": notable_cases(view),
        "notable_counts": notable_counts(view),
        "replies": judged_replies(view),
    }


def _reason(
    view: View,
    verdict: Verdict,
    checked: Sequence[judge.Check],
    troubles: Sequence[judge.Trouble],
    early: judge.SettledEarly | None,
) -> str:
    if verdict == "NOT MEASURED":
        return checks.not_measured(troubles)
    reason = checks.reason_of(checked, verdict, missing=view.missing, currency=view.currency, troubles=troubles)
    if early is None:
        return reason
    if not early.ready and early.lost:
        open_yet = "the rest" if early.beside else "whether the whole suite is NOT READY or INCONCLUSIVE"
        left = f"; {open_yet} was left open" if verdict == "INCONCLUSIVE" else ""
        reason = f"{listed(early.lost)} can't be met any more{left}."
    return f"{settled(early)}: {reason}"


def _assessment(run: RunView, policy: Sequence[Threshold], candidates: tuple[CandidateAssessment, ...]) -> Assessment:
    manifest, suite, table = run.manifest, run.suite, run.table
    complete, (twice, in_flight) = _complete(run, candidates), _cut_off(table)
    best = checks.best_first(candidates)[0] if candidates else None
    verdict: Verdict = "INCONCLUSIVE" if best is None else best.verdict
    reason = "nothing was measured." if best is None else checks.reason_of_run(best, candidates)
    return Assessment(
        schema_version=SCHEMA_VERSION,
        run_id=manifest.run_id,
        suite=manifest.suite_name,
        verdict=verdict,
        headline=f"{verdict}: {reason}",
        reason=reason,
        created_utc=manifest.created_utc,
        planned_trials=manifest.planned_trials,
        journalled_trials=table.journalled,
        complete=complete,
        labels=suite.labels,
        positive=suite.positive,
        confidence=suite.confidence,
        policy=tuple(threshold.text for threshold in policy),
        candidates=candidates,
        sessions=sum(session.event in {"started", "resumed"} for session in table.sessions),
        paid_twice_at_most=twice,
        harness_version=manifest.harness_version,
        sent_again=table.sent_again,
        in_flight_at_end=0 if complete else in_flight,
        shard_done=table.shard_done,
        workers_lost=sum(session.workers_lost for session in table.sessions),
        dealt_again=sum(session.dealt_again for session in table.sessions),
        open_by_failures=0 if best is None else best.open_by_failures,
    )


def _complete(run: RunView, candidates: Sequence[CandidateAssessment]) -> bool:
    """Tell whether all was run; what a candidate that was ended early did not send is not waited for."""
    table = run.table
    if table.journalled >= run.manifest.planned_trials:
        return True
    if table.stopped and not any(trials.not_run for trials in table.trials.values()):
        return True
    ended = any(one.verdict == "NOT MEASURED" and one.name in table.refused for one in candidates)
    return ended and table.ended


def _cut_off(table: RunTable) -> tuple[int, int]:
    """Give the calls that were in flight when a session died without a word, was cut off or lost a node.

    First those that were sent again: by a resume, or by other nodes. Then those of the last session, which are not.
    """
    twice = cut_off = 0
    running = False
    limits: dict[str, int] = {}  # of each endpoint, and there of each process or node
    for pace in table.paces:
        limits[pace.endpoint] = max(pace.most, limits.get(pace.endpoint, 0))
    seen = max((int(trials.in_flight.max(initial=0)) for trials in table.trials.values()), default=0)  # by one of them
    most = max(seen, sum(limits.values()))
    for session in table.sessions:
        if session.event in {"started", "resumed"}:
            twice += (session.cut_off or min(most, max(0, table.own - session.done_before))) if running else cut_off
            cut_off, running = 0, True
        else:
            running = False
            cut_off = session.cut_off if session.event == "stopped" else 0
            twice += session.cut_off if session.event == "finished" else 0
    return twice, min(most, table.own - table.journalled) if running else cut_off
