"""Judges a measured change of model, asks again what broke, and writes the decision beside the run."""

from pathlib import Path
from typing import Any

import msgspec

from harness.cli.gate.outputs import write_all
from harness.cli.ground import UsageError, emit, emit_json, note
from harness.cli.judged import baseline_for
from harness.cli.measured import stopper_of
from harness.cli.upgrade import measuring
from harness.files.case import read_labels
from harness.files.suite import Suite
from harness.judge import Upgrade, UpgradedPrompt, listed
from harness.judge.assess import assess_run, views_of
from harness.judge.compare import Couple, Demand, beside, concluded, confirmed, disagreeing, upgrade_rule, upgraded
from harness.report.comparison import render_upgrade_html, render_upgrade_markdown, terminal_upgrade
from harness.report.run import render_document, write_reports

TO_LABEL = "to-label.jsonl"


def judge(
    folder: Path,
    settings: measuring.Settings,
    *,
    labels: Path | None,
    bundle: measuring.Bundle | None,
    repeats: int,
    most: measuring.Most,
    quiet: bool,
) -> Upgrade:
    """Judge; what broke is asked again where `bundle` says how; files are written into the run's folder."""
    manifest = measuring.read_manifest(folder)
    suite = Suite.model_validate(manifest.suite)
    sensitive = suite.reply.case_sensitive
    known = {} if labels is None else read_labels(labels, suite.labels, suite.columns, case_sensitive=sensitive)
    assessment = assess_run(folder, baseline=baseline_for(folder), labelled=known)
    views = views_of(folder, labelled=known)
    strangers = sorted(known.keys() - {case for view in views.values() for case in view.cases.ids})
    if strangers:
        said = f"{labels} names cases that the run does not have: {listed(strangers)}."
        raise UsageError(said, fix="Label the cases of this run's to-label.jsonl, and keep their ids.")
    judged = {one.name: one for one in assessment.candidates}
    pairs = [(f"{e.prompt_name}@{settings.old}", e.name) for e in manifest.candidates if e.model_name in settings.new]
    couples = [Couple(old=views[old], new=views[new], before=judged[old], after=judged[new]) for old, new in pairs]
    asked = _demand(settings, suite, len(couples))
    prompts = []
    for couple in couples:
        made = upgraded(couple, asked)
        if repeats and made.comparison is not None and made.comparison.broken:
            why_not = "that is done once, when the run is finished" if bundle is not None else "`--run` sends nothing"
            whole = bundle if assessment.complete else None
            made = _asked_again(folder, made, known, whole, repeats, most, why_not, quiet=quiet)
        prompts.append(made)
    unlabelled = [view for view in views.values() if view.cases.unlabelled is not None]
    if unlabelled:
        if not _begun(folder / TO_LABEL, suite):
            write_all(folder, {TO_LABEL: _to_label(couples, suite)})
    else:
        write_reports(folder, assessment, manifest)
    to_label = str(folder / TO_LABEL) if unlabelled else ""
    decision = concluded(prompts, manifest, settings.old, asked, complete=assessment.complete, to_label=to_label)
    # upgrade.json last: while it is missing, the same command goes on with the run
    page, document = render_upgrade_html(decision).encode(), render_document(decision)
    text = render_upgrade_markdown(decision).encode()
    write_all(folder, {"upgrade.md": text, "upgrade.html": page, measuring.DOCUMENT: document})
    return decision


def _demand(settings: measuring.Settings, suite: Suite, couples: int) -> Demand:
    return Demand(
        margin=settings.margin,
        label_margin=settings.label_margin,
        confidence=suite.confidence,
        choices=len(settings.new),
        decisions=couples,
    )


def stopper_for(bundle: measuring.Bundle, settings: measuring.Settings) -> measuring.Stopper | None:
    """Give who says when a prompt's change of model is settled; None where all is asked."""
    pairs: dict[str, str | None] = {
        one.name: f"{one.prompt.name}@{settings.old}" for one in bundle.candidates if one.model_name in settings.new
    }
    suite, asked = bundle.suite, _demand(settings, bundle.suite, len(pairs))
    rule = upgrade_rule(asked, len(suite.labels))
    return stopper_of(bundle, beside(pairs, suite.labels, suite.labels, suite.repeats, rule))


def _asked_again(
    folder: Path,
    made: UpgradedPrompt,
    known: dict[str, str],
    bundle: measuring.Bundle | None,
    repeats: int,
    most: measuring.Most,
    why_not: str,
    *,
    quiet: bool,
) -> UpgradedPrompt:
    assert made.comparison is not None
    names = (made.old, made.new)
    if bundle is not None:
        broken = [change.case for change in made.comparison.broken]
        why_not = measuring.ask_again(folder, bundle, names, broken, repeats, most, quiet=quiet)
    run = measuring.fresh_run(folder, names)
    if run is None:
        return confirmed(made, None, "", why_not)
    again = views_of(run, labelled=known)
    return confirmed(made, (again[made.old], again[made.new]), run.name, why_not if bundle is not None else "")


def _begun(place: Path, suite: Suite) -> bool:
    """Tell whether somebody wrote labels into a file of cases to label: it is theirs, and not written again."""
    if place.is_symlink() or not place.is_file():
        return False
    try:
        rows = [msgspec.json.decode(line, type=dict[str, Any]) for line in place.read_bytes().splitlines()]
    except (msgspec.MsgspecError, RecursionError):
        return True
    return any(row.get(suite.columns.get("expected", "expected")) for row in rows)


def _to_label(couples: list[Couple], suite: Suite) -> bytes:
    """Write every case without a label, those that most models disagree on first; no answer is shown."""
    cases = couples[0].new.cases
    moved: dict[str, float] = {}
    for couple in couples:
        for case, much in disagreeing(couple.old, couple.new).items():
            moved[case] = moved.get(case, 0.0) + much
    without = [row for row in range(len(cases)) if cases.unlabelled is not None and cases.unlabelled[row]]
    lines = []
    for row in sorted(without, key=lambda row: (-moved.get(cases.ids[row], 0.0), row)):
        tags = [tag for tag, has in cases.tags.items() if has[row]] + (["disagree"] if cases.ids[row] in moved else [])
        fields: dict[str, Any] = {"id": cases.ids[row], "expected": "", "tags": tags, **cases.inputs[row]}
        lines.append(msgspec.json.encode({suite.columns.get(name, name): value for name, value in fields.items()}))
    return b"\n".join(lines) + b"\n"


def tell(folder: Path, made: Upgrade, *, as_json: bool) -> None:
    """Print the decision."""
    if as_json:
        emit_json(made)
    else:
        emit(terminal_upgrade(made))
        note(f"report: {folder / 'upgrade.md'}, {folder / 'upgrade.html'}")
