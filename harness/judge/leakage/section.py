"""Leakage in a run: the findings, and the accuracy with and without the cases that leak."""

from concurrent.futures import Future

import numpy as np

from harness.judge import LabelWord, Leakage, count, scores, verb
from harness.judge.leakage.find import Leaks, Meeting, find_leaks, label_words, meeting
from harness.judge.view import RunView, View, once

LISTED = 100
MOST_PAIRED = 20_000  # different texts; judging must stay quick, `harness check` compares any number
PARAPHRASES = "Copies and near-copies are found, paraphrases are not."


@once
def leaks(view: View) -> Leaks:
    """Give everything that leaks, most telling kind first."""
    return find_leaks(view.entry.prompt, view.cases, view.labels, sought(view.run).result())


@once
def sought(run: RunView) -> "Future[Meeting]":
    """Begin to compare all texts, while figures are made where there is room for both."""
    return run.beside(_texts_that_meet, run)


def _texts_that_meet(run: RunView) -> Meeting:
    prompts = [entry.prompt for entry in run.manifest.candidates]
    return meeting(prompts, run.table.cases, run.suite.labels, most_paired=MOST_PAIRED)


@once
def _label_words(run: RunView) -> tuple[LabelWord, ...]:
    return label_words(run.table.cases, run.suite.labels, sought(run).result())


def judged_leakage(view: View) -> Leakage:
    """Give the findings, and accuracy with and without the cases that leak."""
    found = leaks(view)
    rest = np.ones(len(view.cases), dtype=np.bool_)
    rest[list(found.cases)] = False
    accuracy = scores.accuracy
    more = len(found.findings) - LISTED
    return Leakage(
        findings=found.findings[:LISTED],
        leaked_cases=len(found.cases),
        duplicates=sum(finding.kind == "duplicate" for finding in found.findings),
        conflicts=sum(finding.kind == "conflicting_labels" for finding in found.findings),
        accuracy_with=accuracy(view.answers).estimate(view.confidence) if found.cases else None,
        accuracy_without=accuracy(view.answers.of_cases(rest)).estimate(view.confidence) if found.cases else None,
        note=_note(view, more),
        label_words=_label_words(view.run),
    )


def _note(view: View, more: int) -> str:
    """Say what was not looked for, and what is not listed."""
    told = [PARAPHRASES]
    if len(view.cases) > MOST_PAIRED:
        told.append(
            f"Of more than {MOST_PAIRED:,} different texts near-copies among the {len(view.cases):,} cases "
            "are looked for by `harness check` only."
        )
    if more > 0:
        told.append(f"{count(more, 'more finding')} {verb(more, 'is', 'are')} not listed.")
    return " ".join(told)
