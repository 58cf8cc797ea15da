"""From an assessment to the one view that every renderer renders."""

import shlex
from dataclasses import replace

from harness.judge import Assessment, CandidateAssessment, sentence, sure, verb, what_decides
from harness.judge.verdict import best_first, taken
from harness.report import parts, sections
from harness.rundir import CandidateEntry, Manifest


def run_view(assessment: Assessment, manifest: Manifest | None = None) -> parts.ReportView:
    """Write every figure of an assessment as text, best candidate first."""
    best = best_first(assessment.candidates)
    ranked = [c for c in best if c.verdict != "NOT MEASURED"]
    shown = [*(c for c in best if c.verdict == "NOT MEASURED"), *ranked]
    entries = {entry.name: entry for entry in manifest.candidates} if manifest else {}
    views = tuple(_candidate(c, f"c{i + 1}", assessment.positive, entries.get(c.name)) for i, c in enumerate(shown))
    maybe = assessment.maybe_mislabelled
    leaders = sections.leader_rows(assessment, ranked, views[len(shown) - len(ranked) :])
    chosen = taken(assessment.candidates, assessment.leaderboard) if shown else None
    first = next((view.key for view in views if chosen and view.name == chosen.name), "")
    return parts.ReportView(
        run_id=assessment.run_id,
        suite=assessment.suite,
        verdict=assessment.verdict,
        tone=parts.VERDICT_TONES[assessment.verdict],
        headline=views[0].headline if len(views) == 1 else _said_once(assessment),
        when=parts.when(assessment.created_utc, zone=" UTC"),
        facts=_facts(assessment),
        warnings=tuple(_warnings(assessment, manifest)),
        leaderboard=leaders,
        standing=sections.standing_view(assessment.leaderboard),
        candidates=views,
        mislabelled=sections.notable_group(maybe[0].why, maybe) if maybe else None,
        policy=assessment.policy,
        reproduce=_reproduce(assessment, manifest),
        command=shlex.join(manifest.command) if manifest else "",
        version=assessment.harness_version,
        grid=sections.grid_view(assessment.policy, ranked, leaders, first),
        taken=first,
        sure=sure(assessment.confidence),
    )


def _said_once(judged: Assessment | CandidateAssessment) -> str:
    """Leave the verdict out of the sentence: it stands above it in every report."""
    return sentence(judged.reason) if judged.reason else judged.headline


def _unmeasured(c: CandidateAssessment) -> str:
    return sentence(what_decides(c.went_wrong, advised=False)) or _said_once(c)


def _candidate(
    c: CandidateAssessment, key: str, positive: str | None, entry: CandidateEntry | None
) -> parts.CandidateView:
    told = parts.CandidateView(
        key=key,
        name=c.name,
        prompt=c.prompt,
        model=c.model,
        verdict=c.verdict,
        tone=parts.VERDICT_TONES[c.verdict],
        headline=_unmeasured(c) if c.verdict == "NOT MEASURED" else _said_once(c),
        summary=_summary(c),
        tally=_tally(c),
        went_wrong=sections.troubles(c.went_wrong, c.verdict),
        next_step=c.next_step.sentence if c.next_step else "",
        leakage=sections.leakage_section(c.leakage) if c.leakage else None,
        messages=_messages(entry),
    )
    if c.verdict == "NOT MEASURED":  # not one reply: its figures would be figures of nothing
        not_shown = f"{parts.count(len(c.checks), 'check')} {verb(len(c.checks), 'is', 'are')} not shown"
        why = "no call was answered, so nothing is known of the prompt. report.json has them."
        return replace(told, unshown=f"{not_shown}: {why}")
    rows = sections.check_rows(c)
    return replace(
        told,
        checks=rows,
        scales=sections.scale_groups(c, rows),
        traps=tuple(trap.sentence for trap in c.traps),
        next_samples=sections.sample_cases(c.next_step.confused) if c.next_step else (),
        confused=sections.confused_rows(c),
        confusion=sections.confusion_view(c.classification.confusion),
        labels=sections.labels_section(c),
        quality=sections.quality_section(c.classification, c.outcomes, c.cost.currency),
        tradeoff=sections.tradeoff_section(c, positive),
        latency=sections.latency_section(c),
        stability=sections.stability_section(c.stability, cases=c.cases, repeats=c.repeats),
        history=sections.history_section(c.history, c.checks) if c.history else None,
        robustness=sections.robustness_section(c.robustness) if c.robustness else None,
        generalization=sections.generalization_section(c.generalization) if c.generalization else None,
        cost=sections.cost_section(c.cost),
        slices=sections.slices_section(c.slices, positive=positive),
        notable=sections.notable_groups(c.notable, c.notable_counts),
        measurement=sections.measurement_section(c, entry),
    )


def _summary(c: CandidateAssessment) -> str:
    text = f"{parts.count(c.cases, 'case')} × {parts.count(c.repeats, 'repeat')}, "
    if c.verdict == "NOT MEASURED":
        return f"{text}not one reply"
    text += parts.count(c.trials, "trial") + (f", {c.not_run:,} not run" if c.not_run else "")
    text += f", {c.settled.saved_calls:,} not asked" if c.settled else ""
    unread = sum(c.outcomes.values()) - c.outcomes.get("label", 0)
    total = sum(c.outcomes.values())
    return text + (f"; {unread:,} without a label ({parts.percent_of(unread, total)})" if unread else "")


def _tally(c: CandidateAssessment) -> str:
    if not c.checks or c.verdict == "NOT MEASURED":
        return "no checks" if c.verdict != "NOT MEASURED" else "not measured"
    passed = sum(check.status == "PASS" for check in c.checks)
    failed = sum(check.status == "FAIL" for check in c.checks)
    unsettled = len(c.checks) - passed - failed
    others = [(failed, "fail"), (unsettled, "inconclusive")]
    return ", ".join([f"{passed} of {len(c.checks)} pass", *(f"{n} {what}" for n, what in others if n)])


def _facts(a: Assessment) -> str:
    trials = f"{a.journalled_trials:,} of {parts.count(a.planned_trials, 'trial')}"
    told = [parts.count(len(a.candidates), "candidate"), trials]
    told.append(f"labels {', '.join(a.labels)}" if len(a.labels) <= 5 else f"{len(a.labels)} labels")
    if a.positive:
        told.append(f"positive {a.positive}")
    told.append(f"{sure(a.confidence)} confidence")
    return " · ".join(told)


def _warnings(a: Assessment, manifest: Manifest | None) -> list[str]:
    warnings = []
    if a.what_if:
        warnings.append(
            f"What if: this run judged by the thresholds of {a.what_if}, not by its own. "
            "The verdict of record is the one in report.json."
        )
    if not a.complete and a.verdict != "NOT MEASURED":  # that says it first, and what to do
        warnings.append(_incomplete(a, manifest))
    if a.workers_lost:
        workers, went = parts.count(a.workers_lost, "worker"), parts.count(a.dealt_again, "trial")
        warnings.append(
            f"{workers} of the cluster {'was' if a.workers_lost == 1 else 'were'} lost: {went} went to others."
        )
    if a.paid_twice_at_most:
        calls = parts.count(a.paid_twice_at_most, "call")
        most = "At most" if a.workers_lost and a.sessions == 1 else "The run was interrupted: at most"
        warnings.append(f"{most} {calls} in flight may have been paid twice.")
    if manifest and manifest.git_dirty:
        warnings.append("Files had uncommitted changes when this was measured.")
    return warnings


def _incomplete(a: Assessment, manifest: Manifest | None) -> str:
    """Say how much was not run, of a shard what of it is its own, and how it is added where the next step does not."""
    share, own = ("", a.planned_trials) if manifest is None else manifest.share
    missing = own - a.journalled_trials
    fate = "was not run and is" if missing == 1 else "were not run and are"
    sent = f", and at most {a.in_flight_at_end:,} of them sent without a result" if a.in_flight_at_end else ""
    what, of = (f"Shard {share}", "of its") if share else ("This run", "of")
    told = f"{what} is not complete: {missing:,} {of} {parts.count(own, 'trial')} {fate} in no figure{sent}."
    if a.shard_done:
        told = f"This is shard {share}: {a.journalled_trials:,} of the {a.planned_trials:,} trials of its run."
    said = a.next_step is not None and a.next_step.kind == "resume"
    if said:
        return told
    how = "`harness resume` finishes it." if manifest is None else manifest.to_finish(shard_done=a.shard_done)
    return f"{told} {how}"


def _messages(entry: CandidateEntry | None) -> tuple[tuple[str, str], ...]:
    if entry is None:
        return ()
    messages = entry.prompt.get("messages") or ()
    return tuple((str(m.get("role", "")), str(m.get("content", ""))) for m in messages if isinstance(m, dict))


def _reproduce(a: Assessment, manifest: Manifest | None) -> parts.Section:
    if manifest is None:
        return parts.Section(key="reproduce", title="How to reproduce", lead=f"Run {a.run_id}.")
    source = manifest.notes.get("source")
    commit = manifest.git_commit or "not in a git repository"
    figures = [
        parts.NamedFigure("Run", a.run_id),
        parts.NamedFigure("Commit", commit, hint="with uncommitted changes" if manifest.git_dirty else ""),
        parts.NamedFigure("Seed", str(manifest.seed)),
        parts.NamedFigure("Sessions", str(a.sessions)),
        parts.NamedFigure("Variants", ", ".join(manifest.variants)),
        parts.NamedFigure("Platform", manifest.platform),
    ]
    files = tuple(
        (parts.Cell(f.path, kind="code"), parts.Cell(f.sha256, kind="code"))
        for f in sorted(manifest.files, key=lambda f: f.path)
    )
    versions = tuple(
        (parts.Cell(name), parts.Cell(version, kind="code")) for name, version in sorted(manifest.versions.items())
    )
    tables = (
        parts.Table(title="Files", head=("File", "SHA-256"), rows=files, folded=True),
        parts.Table(title="Versions", head=("Package", "Version"), rows=versions, folded=True),
    )
    return parts.Section(
        key="reproduce",
        title="How to reproduce",
        lead="Run the same command at this commit; harness report judges the same journal again for free."
        if source is None
        else f"Judged from the results of {source.get('tool')}, in the file below; nothing was measured here.",
        figures=tuple(each for each in figures if each.text and (source is None or each.name == "Run")),
        tables=tuple(t for t in tables if t.rows),
        notes=() if source is None else tuple(str(each) for each in source.get("notes") or ()),
    )
