"""What `harness check` says of leakage: which cases a prompt or another split gives away, before any call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.files.bundle import Bundle
    from harness.judge.documents.assessment import LeakFinding
    from harness.judge.leakage.find import Leaks

SHOWN = 20
WIDE = 76
KINDS = {
    "example_in_cases": "{case} is {other} of the prompt",
    "quoted_in_prompt": "{case} stands in the prompt ({other})",
    "dev_in_holdout": "{case} is also in dev, as {other}",
    "label_in_input": "{case} states its own label",
    "conflicting_labels": "{case} and {other} expect different labels",
    "duplicate": "{case} and {other} are the same case twice",
}


def leaks_of(bundle: Bundle) -> dict[str, Leaks]:
    """Give what leaks, by prompt name."""
    from harness.judge.leakage.find import find_leaks, meeting
    from harness.judge.table.read import case_columns

    labels = bundle.suite.labels
    cases = case_columns(bundle.cases, {label: place for place, label in enumerate(labels)})
    prompts = {c.prompt.name: c.prompt.model_dump(mode="json") for c in bundle.candidates}
    met = meeting(prompts.values(), cases)
    return {name: find_leaks(prompt, cases, labels, met) for name, prompt in prompts.items()}


def leak_lines(found: dict[str, Leaks]) -> list[str]:
    """Write the findings, each with both texts and how alike they are."""
    from harness.judge.leakage.find import LEAKS
    from harness.judge.wording import count

    lines = ["leakage"]
    told: set[tuple[str, str, str]] = set()
    for name, leaks in found.items():
        given = count(len(leaks.cases), "case")
        lines.append(f"  {name}: {given} given away" if leaks.cases else f"  {name}: no case is given away")
        fresh = [f for f in leaks.findings if (f.kind, f.case, f.other_text) not in told]
        fresh.sort(key=lambda finding: finding.kind not in LEAKS)
        for finding in fresh[:SHOWN]:
            told.add((finding.kind, finding.case, finding.other_text))
            lines += _finding(finding)
        if len(fresh) > SHOWN:
            lines.append(f"    and {len(fresh) - SHOWN:,} more: `harness check --json` lists all")
    return lines


def _finding(finding: LeakFinding) -> list[str]:
    from harness.report.neutral import shorten, visible

    said = KINDS[finding.kind].format(case=finding.case, other=finding.other)
    return [
        f"    {visible(said)}: {100 * finding.similarity:.0f}% alike ({finding.measure})",
        f"      | {visible(shorten(finding.text, WIDE))}",
        f"      | {visible(shorten(finding.other_text, WIDE))}",
    ]


def leak_json(found: dict[str, Leaks]) -> dict[str, Any]:
    """Give the findings as plain data."""
    return {
        name: {"leaked_cases": len(leaks.cases), "findings": leaks.findings} for name, leaks in found.items()
    }
