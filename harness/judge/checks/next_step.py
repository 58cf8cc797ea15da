"""What a candidate gets wrong, most frequent first, and from it and its checks the one thing to do now.

The order of the steps is that of causes: what the endpoint failed, what replies lacked, what the prompt
confuses, what else fails; only then cases to collect, for a failed check is not mended by more of them.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from harness import judge
from harness.judge import scores
from harness.judge.checks.metrics import GAUGES, thresholds
from harness.judge.view import NONE, View, once

MOST = 20  # confusions that are kept; the matrix has all
SAMPLES = 2
LONGEST = 600  # characters of a sample
_MOST_NAMED = 3  # labels or thresholds


class _Pair(NamedTuple):
    """A count of the confusion matrix that is off its diagonal."""

    trials: int
    expected: int
    read_as: int  # NONE: without a label


def confused(view: View) -> tuple[judge.Confused, ...]:
    """Give the ways of being wrong, most frequent first, each with two cases."""
    return tuple(_confused(view, pair) for pair in _pairs(view)[:MOST])


@once
def _pairs(view: View) -> list[_Pair]:
    trials, k = view.answered.trials, len(view.labels)
    read = np.where(trials.predicted == NONE, k, trials.predicted).astype(np.int64)
    counts = np.bincount(trials.expected * (k + 1) + read, minlength=k * (k + 1)).reshape(k, k + 1)
    pairs = [_Pair(int(counts[i, j]), i, NONE if j == k else j) for i in range(k) for j in range(k + 1) if i != j]
    return sorted((pair for pair in pairs if pair.trials), key=lambda p: (-p.trials, p.expected, p.read_as % (k + 1)))


def _confused(view: View, pair: _Pair) -> judge.Confused:
    trials = view.answered.trials
    rows = np.flatnonzero((trials.expected == pair.expected) & (trials.predicted == pair.read_as))
    cases, first, times = np.unique(trials.case[rows], return_index=True, return_counts=True)
    most = np.lexsort((cases, -times))[:SAMPLES]
    return judge.Confused(
        expected=view.labels[pair.expected],
        read_as=judge.NO_LABEL if pair.read_as == NONE else view.labels[pair.read_as],
        trials=pair.trials,
        of=int((trials.expected == pair.expected).sum()),
        cases=len(cases),
        samples=tuple(_sample(view, int(cases[n]), int(rows[first[n]])) for n in most),
    )


def _sample(view: View, case: int, row: int) -> judge.ConfusedCase:
    trials = view.answered.trials
    reply = trials.replies[int(trials.reply[row])]
    return judge.ConfusedCase(case=view.cases.ids[case], text=_cut(view.cases.texts[case]), reply=_cut(reply))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def next_step(view: View, made: judge.CandidateAssessment) -> judge.NextStep:
    """Give the one thing to do with a candidate that was judged."""
    lost = () if made.settled is None else made.settled.lost
    failed = [check for check in made.checks if check.status == "FAIL" or check.threshold in lost]
    undecided = [check for check in made.checks if check.status == "INCONCLUSIVE"]
    deciding = [row for row in made.went_wrong if row.decides]
    if made.verdict == "READY":
        return judge.NextStep(kind="ship", sentence=f"Ship {made.name}.")
    if made.verdict == "NOT MEASURED":
        nothing = judge.NextStep(kind="endpoint", sentence="Look at the endpoint: it answered no call.")
        return _of_trouble(made.went_wrong[0]) if made.went_wrong else nothing
    if view.missing and not failed and view.stopped is None:
        return _resume(view.manifest.to_finish(shard_done=view.run.table.shard_done), undecided)
    if made.open_by_failures:
        them = "the call that failed" if made.open_by_failures == 1 else f"the {made.open_by_failures:,} failed calls"
        send = f"Send {them} again: `harness resume {view.manifest.run_id} --failed`."
        return _resume(view.manifest.again(them) if view.manifest.asked_elsewhere else send, undecided)
    if deciding:
        return _of_trouble(deciding[0])
    return _mend(view, made, failed) if failed else _settle(view, undecided)


def _resume(told: str, checks: Iterable[judge.Check]) -> judge.NextStep:
    return judge.NextStep(kind="resume", sentence=told, thresholds=_texts(checks))


def _of_trouble(row: judge.Trouble) -> judge.NextStep:
    """Say what mends the calls or replies that went wrong."""
    told = (
        judge.advice(row) or f"Look at the {'endpoint' if row.whose == 'endpoint' else 'replies'}: {judge.cause(row)}"
    )
    return judge.NextStep(kind=row.whose, sentence=told if told.endswith((".", "!", "?")) else f"{told}.")


def _texts(checks: Iterable[judge.Check]) -> tuple[str, ...]:
    return tuple(check.threshold for check in checks)


def _mend(view: View, made: judge.CandidateAssessment, failed: Sequence[judge.Check]) -> judge.NextStep:
    """Say what mends the gravest failed check: what the prompt says first, then all else."""
    check = min(failed, key=lambda one: bool(GAUGES[one.metric].mend or thresholds.metric_of(one.metric).outcome))
    outcome = thresholds.metric_of(check.metric).outcome
    lost = outcome == "failed" or _is_late_by_failures(made, check)
    rows = [row for row in made.went_wrong if (row.whose == "endpoint" if lost else row.kind == outcome)]
    if rows:
        return _of_trouble(rows[0])
    return _told(view, check, failed)


def _is_late_by_failures(made: judge.CandidateAssessment, check: judge.Check) -> bool:
    """Tell whether so many calls failed that a demand on time would be missed however fast the others were."""
    metric = thresholds.metric_of(check.metric)
    share = check.required if metric.quantile is None else metric.quantile
    return metric.clock is not None and made.latency.censored > (1 - share) * made.latency.n


def _told(view: View, check: judge.Check, about: Sequence[judge.Check]) -> judge.NextStep:
    """Say what moves a figure: what its metric says, or the confusion that costs it most."""
    found = next(filter(_touches(view, check), _pairs(view)), None)
    if (mend := GAUGES[check.metric].mend) or found is None:
        told = mend or f"Change the prompt or the threshold: {check.threshold} is not met."
        return judge.NextStep(kind="other", sentence=told, thresholds=_texts(about))
    one = _confused(view, found)
    place = view.entry.places.get("prompt", "")
    fate = "gets no label" if found.read_as == NONE else f"is read as {judge.named(one.read_as)}"
    told = f"Fix the prompt{f' in {place}' if place else ''}: {judge.named(one.expected)} {fate}"
    thing = "trial" if len(view.answered.trials) == len(view.trials) else "answered trial"
    seen = f"{one.trials:,} of {judge.count(one.of, thing)}"
    return judge.NextStep(kind="prompt", sentence=f"{told} ({seen}).", thresholds=_texts(about), confused=one)


def _touches(view: View, check: judge.Check) -> Callable[[_Pair], bool]:
    """Tell which confusions move the figure of a check."""
    label = view.labels.index(check.label) if check.label in view.labels else view.positive
    match thresholds.metric_of(check.metric).counts:
        case "label cases":
            return lambda pair: pair.expected == label
        case "predictions" | "other cases":
            return lambda pair: pair.read_as == label
        case "touched":
            return lambda pair: label in {pair.expected, pair.read_as}
        case _:
            return lambda _: True


def _settle(view: View, undecided: Sequence[judge.Check]) -> judge.NextStep:
    """Say which cases to collect for what is open; where none would help, what would."""
    heading = [check for check in undecided if check.lack is not None and check.lack.shows == "FAIL"]
    if heading:  # more cases would only show that it fails
        return _told(view, heading[0], heading)
    lacking = [check for check in undecided if check.lack is not None]
    if lacking:
        about = _texts(lacking)
        what = f"all {len(about):,} open checks" if len(about) == len(undecided) else f"{len(about):,} open checks"
        told = judge.listed(about) if len(about) <= _MOST_NAMED else what
        told = f"Collect {_cases(view, lacking)} to settle {told}.{_further(view, lacking)}"
        return judge.NextStep(kind="collect", sentence=told, thresholds=about)
    near = [check for check in undecided if check.estimate.value is not None and check.bound is not None]
    if near:
        return _told(view, near[0], undecided)
    told = undecided[0].why if undecided else "Write thresholds: there is none to hold the figures against."
    return judge.NextStep(kind="other", sentence=judge.sentence(told), thresholds=_texts(undecided))


def _further(view: View, lacking: Sequence[judge.Check]) -> str:
    """Name the command that asks further cases of the suite, where it has some and this is a first look at a run."""
    notes = view.manifest.notes
    others, suite = notes.get("unasked", 0), (notes.get("reload") or {}).get("suite")
    named = isinstance(suite, str) and re.fullmatch(r"[\w./-]+", suite)  # the run may be from elsewhere
    if others < 1 or not named or view.stopped is not None or {"gate", "upgrade", "shard", "added"} & notes.keys():
        return ""
    if any(entry.model.get("endpoint") == "function" for entry in view.manifest.candidates):  # which no command calls
        return ""
    wanted = min(others, scores.rounded_up(max(check.lack.cases for check in lacking if check.lack is not None)))
    command = f"`harness run {suite} --add {wanted} {view.manifest.run_id}`"
    return f" Of the suite's cases {others:,} were not asked: {command} asks {wanted:,} of them."


def _cases(view: View, lacking: Sequence[judge.Check]) -> str:
    """Name the cases to collect: of the suite's mix, and of labels and parts that this leaves short."""
    mix, labels, parts = 0, dict[str, int](), dict[str, int]()
    for check in lacking:
        assert check.lack is not None
        label = check.label or view.suite.positive
        if check.part:
            parts[check.part] = max(parts.get(check.part, 0), check.lack.cases)
        elif label is not None and thresholds.metric_of(check.metric).counts == "label cases":
            labels[label] = max(labels.get(label, 0), check.lack.n)
        else:
            mix = max(mix, check.lack.cases)
    expected = np.bincount(view.cases.expected, minlength=len(view.labels))
    shares = {label: expected[place] / len(view.cases) for place, label in enumerate(view.labels)}
    short = {label: n - int(mix * shares[label]) for label, n in labels.items()}
    short = {label: n for label, n in sorted(short.items(), key=lambda item: -item[1]) if n > 0}
    told = [judge.count(scores.rounded_up(mix), "new case of this mix", "new cases of this mix")] if mix else []
    if len(short) == 1:
        told += [judge.count(scores.rounded_up(n), f"new {judge.named(label)} case") for label, n in short.items()]
    elif short:
        each = judge.count(scores.rounded_up(max(short.values())), "new case")
        told.append(f"{each} of each of {judge.listed([judge.named(label) for label in short], most=_MOST_NAMED)}")
    told += [f"{judge.count(scores.rounded_up(n), 'new case')} with {part}" for part, n in parts.items()]
    return f"about {judge.listed(told, most=_MOST_NAMED)}"
