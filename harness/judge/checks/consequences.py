"""What a missed threshold means in counts, such as `88 of 100 fraud cases went unnoticed`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.files.thresholds import Threshold
from harness.judge.checks.metrics import label_index
from harness.judge.documents.assessment import OUTCOMES, Outcome
from harness.judge.leakage.find import LEAKS
from harness.judge.leakage.section import leaks
from harness.judge.table.columns import Bool
from harness.judge.view import View
from harness.judge.wording import amount, count, listed, named, verb


def consequence(view: View, threshold: Threshold) -> str:
    """Give one sentence of counts for a threshold that was missed; empty where there is none to give."""
    if threshold.metric in _BY_LABEL:
        label = label_index(view, threshold)
        return "" if label is None else _BY_LABEL[threshold.metric](view, label)
    if threshold.metric == "latency.within":
        return _late(view, threshold.argument or 0.0)
    told = _PLAIN.get(threshold.metric)
    return told(view) if told is not None else ""


def _once(view: View, of: Bool) -> bool:
    """Tell whether these trials hold each case at most once."""
    cases = view.trials.case[of]
    return len(np.unique(cases)) == len(cases)


def missed(view: View, label: int) -> str:
    """Give how many cases of a label were missed."""
    of = np.asarray(view.trials.expected == label, dtype=np.bool_)
    total = int(of.sum())
    lost = int((view.trials.predicted[of] != label).sum())
    if not lost:
        return ""
    name = named(view.labels[label])
    cases = len(np.unique(view.trials.case[of]))
    seen = label == view.positive
    if lost == total:
        which = f"The only {name} case" if cases == 1 else f"All {count(cases, f'{name} case')}"
        which = f"Both {name} cases" if cases == 2 else which
        fate = "went unnoticed" if seen else f"{verb(cases, 'was', 'were')} missed"
        return f"{which} {fate}{'' if _once(view, of) else ' in every repeat'}."
    if _once(view, of):
        fate = "went unnoticed" if seen else f"{verb(lost, 'was', 'were')} missed"
        return f"{lost:,} of {count(total, f'{name} case')} {fate}."
    fate = "went unnoticed" if seen else "was missed"
    return (
        f"{_percent(lost / total)} of {name} {fate}: {lost:,} of {count(total, 'answer')} "
        f"on {count(cases, f'{name} case')}."
    )


def _percent(share: float) -> str:
    """Give a share in whole percent, but never as none or all."""
    whole = round(100 * share)
    return f"{whole}%" if 0 < whole < 100 else amount(share, "share")


def _false(view: View, label: int) -> str:
    of = np.asarray(view.trials.predicted == label, dtype=np.bool_)
    total, wrong = int(of.sum()), int((view.trials.expected[of] != label).sum())
    if not wrong:
        return ""
    kind = ("false alarm" if wrong == 1 else "false alarms") if label == view.positive else "wrong"
    was = verb(wrong, "was", "were")
    article = "a " if kind == "false alarm" else ""
    return f"{wrong:,} of {count(total, f'{named(view.labels[label])} answer')} {was} {article}{kind}."


def _alarms(view: View, label: int) -> str:
    of = np.asarray(view.trials.expected != label, dtype=np.bool_)
    total, wrong = int(of.sum()), int((view.trials.predicted[of] == label).sum())
    if not wrong:
        return ""
    name = named(view.labels[label])
    said = f"{wrong:,} of {count(total, 'answer')} on cases that are not {name}"
    return f"{said} {verb(wrong, 'was', 'were')} {name}."


def _errors(view: View, label: int) -> str:
    return " ".join(text for text in (missed(view, label), _false(view, label)) if text)


def _wrong(view: View) -> str:
    total = len(view.trials)
    wrong = int((~view.answers.right).sum())
    silent = int((view.trials.predicted < 0).sum())
    if not wrong:
        return ""
    told = f"{wrong:,} of {count(total, 'answer')} {verb(wrong, 'was', 'were')} wrong"
    if silent == wrong:
        return f"{told}, {'' if wrong == 1 else 'all '}because {verb(wrong, 'it', 'they')} had no label."
    return (
        f"{told}, {silent:,} of them because they had no label."
        if silent > 1
        else (f"{told}, one of them because it had no label." if silent else f"{told}.")
    )


def _outcome(name: Outcome, phrase: str) -> Callable[[View], str]:
    index = OUTCOMES.index(name)

    def tell(view: View) -> str:
        hits = int((view.trials.outcome == index).sum())
        return f"{hits:,} of {count(len(view.trials), 'trial')} {phrase}." if hits else ""

    return tell


def _uncovered(view: View) -> str:
    silent = int((view.trials.predicted < 0).sum())
    return f"{silent:,} of {count(len(view.trials), 'trial')} ended without a label." if silent else ""


def _leaked(view: View) -> str:
    found = [finding for finding in leaks(view).findings if finding.kind in LEAKS]
    if not found:
        return ""
    shown = [f"case {finding.case} ({_KINDS[finding.kind]})" for finding in found]
    return f"The answer is given away for {listed(shown, most=3)}."


def _late(view: View, limit_s: float) -> str:
    times = view.times(view.trials.caller_ns)
    late = int(np.count_nonzero(times > limit_s))
    return f"{late:,} of {count(len(times), 'call')} took longer or failed." if late else ""


def _not_always_right(view: View) -> str:
    asked = len(np.unique(view.trials.case))
    wrong = len(np.unique(view.trials.case[~view.answers.right]))
    return (
        f"{wrong:,} of {count(asked, 'case')} {verb(wrong, 'was', 'were')} not always right." if wrong else ""
    )


def _moved(view: View) -> str:
    """Give how many cases got different answers."""
    codes, case = view.answer_codes, view.trials.case
    n = len(view.cases)
    low, high = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
    np.minimum.at(low, case, codes)
    np.maximum.at(high, case, codes)
    asked = high >= 0
    moved = int((low[asked] != high[asked]).sum())
    return f"{moved:,} of {count(int(asked.sum()), 'case')} got different answers." if moved else ""


_KINDS = {
    "example_in_cases": "an example of the prompt",
    "quoted_in_prompt": "quoted in the prompt",
    "dev_in_holdout": "also in dev",
    "label_in_input": "states its label",
}
_BY_LABEL: dict[str, Callable[[View, int], str]] = {
    "recall": missed,
    "precision": _false,
    "specificity": _alarms,
    "f1": _errors,
    "fbeta": _errors,
}
_PLAIN: dict[str, Callable[[View], str]] = {
    "accuracy": _wrong,
    "balanced_accuracy": _wrong,
    "macro_f1": _wrong,
    "mcc": _wrong,
    "kappa": _wrong,
    "coverage": _uncovered,
    "better_than_majority": _wrong,
    "leakage": _leaked,
    "failures": _outcome("failed", "failed"),
    "unparseable": _outcome("unparseable", "had no readable label"),
    "refused": _outcome("refused", "ended in a refusal"),
    "truncated": _outcome("truncated", "ended in a reply that was cut off"),
    "stability": _moved,
    "flip_rate": _moved,
    "pass": _not_always_right,
}
