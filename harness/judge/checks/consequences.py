"""What a missed threshold means in counts, such as `88 of 100 fraud cases went unnoticed`."""

from collections.abc import Callable

import numpy as np

from harness.judge import OUTCOMES, Outcome, amount, count, listed, named, verb
from harness.judge.checks.asked import Asked
from harness.judge.leakage.find import LEAKS
from harness.judge.leakage.section import leaks
from harness.judge.view import FAILURES, NONE, Bool, View, ends_of


def _once(view: View, of: Bool) -> bool:
    """Tell whether these trials hold each case at most once."""
    return view.cases_in(of) == int(np.count_nonzero(of))


def no_consequence(_: Asked) -> str:
    """Give no sentence: what was missed is not counted in cases."""
    return ""


def missed(asked: Asked) -> str:
    """Give how many cases of a label were missed."""
    view, label = asked.view, asked.label
    if label is None:
        return ""
    of = np.asarray(view.trials.expected == label, dtype=np.bool_)
    total = int(of.sum())
    lost = int((view.trials.predicted[of] != label).sum())
    if not lost:
        return ""
    name = named(view.labels[label])
    cases = view.cases_in(of)
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


def false_answers(asked: Asked) -> str:
    """Give how many answers with a label were wrong."""
    view, label = asked.view, asked.label
    if label is None:
        return ""
    of = np.asarray(view.trials.predicted == label, dtype=np.bool_)
    total, wrong = int(of.sum()), int((view.trials.expected[of] != label).sum())
    if not wrong:
        return ""
    kind = ("false alarm" if wrong == 1 else "false alarms") if label == view.positive else "wrong"
    was = verb(wrong, "was", "were")
    article = "a " if kind == "false alarm" else ""
    return f"{wrong:,} of {count(total, f'{named(view.labels[label])} answer')} {was} {article}{kind}."


def alarms(asked: Asked) -> str:
    """Give how many cases of other labels were answered with this one."""
    view, label = asked.view, asked.label
    if label is None:
        return ""
    of = np.asarray(view.trials.expected != label, dtype=np.bool_)
    total, wrong = int(of.sum()), int((view.trials.predicted[of] == label).sum())
    silent = int((view.trials.predicted[of] == NONE).sum())
    if not wrong and not silent:
        return ""
    name = named(view.labels[label])
    where = f"of {count(total, 'answer')} on cases that are not {name}"
    if not wrong:
        return f"{silent:,} {where} {verb(silent, 'has', 'have')} no label."
    lacking = f", and {silent:,} {verb(silent, 'has', 'have')} no label" if silent else ""
    return f"{wrong:,} {where} {verb(wrong, 'was', 'were')} {name}{lacking}."


def errors(asked: Asked) -> str:
    """Give what of a label was missed, and which answers with it were wrong."""
    return " ".join(text for text in (missed(asked), false_answers(asked)) if text)


def wrong(asked: Asked) -> str:
    """Give how many answers were wrong, and how many of them because they had no label."""
    view = asked.view
    total = len(view.trials)
    lost = int((~view.answers.right).sum())
    silent = int((view.trials.predicted < 0).sum())
    if not lost:
        return ""
    told = f"{lost:,} of {count(total, 'answer')} {verb(lost, 'was', 'were')} wrong"
    if silent == lost:
        return f"{told}, {'' if lost == 1 else 'all '}because {verb(lost, 'it', 'they')} had no label."
    return (
        f"{told}, {silent:,} of them because they had no label."
        if silent > 1
        else (f"{told}, one of them because it had no label." if silent else f"{told}.")
    )


def ended(name: Outcome, phrase: str) -> Callable[[Asked], str]:
    """Give the teller of how many trials ended in one way."""
    index = OUTCOMES.index(name)

    def tell(asked: Asked) -> str:
        outcomes = asked.view.trials.outcome
        hits = int((outcomes == index).sum())
        return f"{hits:,} of {count(len(outcomes), 'trial')} {phrase}." if hits else ""

    return tell


def failed(asked: Asked) -> str:
    """Give how many calls the endpoint failed, and in which way most of them."""
    trials = asked.view.trials
    hits = trials.failure[trials.outcome == OUTCOMES.index("failed")]
    if not len(hits):
        return ""
    own = int((hits == FAILURES.index("render")).sum())
    if own == len(hits):
        return f"The prompt's template failed on {own:,} of {count(len(trials), 'trial')}."
    kinds = np.bincount(hits[hits != FAILURES.index("render")], minlength=1)
    most = (
        f", mostly `{FAILURES[int(kinds.argmax())]}`"
        if len(np.flatnonzero(kinds)) > 1
        else (f" (`{FAILURES[int(kinds.argmax())]}`)")
    )
    lost = f"The endpoint failed {len(hits) - own:,} of {count(len(trials), 'trial')}{most}"
    return f"{lost}; that says nothing about the prompt."


def uncovered(asked: Asked) -> str:
    """Give how many trials ended without a label."""
    predicted = asked.view.trials.predicted
    silent = int((predicted < 0).sum())
    return f"{silent:,} of {count(len(predicted), 'trial')} ended without a label." if silent else ""


def leaking(asked: Asked) -> str:
    """Name cases whose answer is given away."""
    found = [finding for finding in leaks(asked.view).findings if finding.kind in LEAKS]
    if not found:
        return ""
    shown = [f"case {finding.case} ({_KINDS[finding.kind]})" for finding in found]
    return f"The answer is given away for {listed(shown, most=3)}."


def late(asked: Asked) -> str:
    """Give how many calls took longer than the limit."""
    times, _ = asked.view.times(asked.view.trials.caller_ns)
    late = int(np.count_nonzero(times > (asked.threshold.argument or 0.0)))
    return f"{late:,} of {count(len(times), 'call')} took longer or failed." if late else ""


def not_always_right(asked: Asked) -> str:
    """Give how many cases were wrong at least once."""
    view, right = asked.view, asked.view.answers.right
    n, lost = view.cases_in(right | ~right), view.cases_in(~right)
    return f"{lost:,} of {count(n, 'case')} {verb(lost, 'was', 'were')} not always right." if lost else ""


def moved(asked: Asked) -> str:
    """Give how many cases got different answers."""
    view = asked.view.answered
    cases, least, greatest, _ = ends_of(view.trials.case, view.answer_codes)
    n = int(np.count_nonzero(least != greatest))
    return f"{n:,} of {count(len(cases), 'case')} got different answers." if n else ""


_KINDS = {
    "example_in_cases": "an example of the prompt",
    "quoted_in_prompt": "quoted in the prompt",
    "dev_in_holdout": "also in dev",
    "label_in_input": "states its label",
}
