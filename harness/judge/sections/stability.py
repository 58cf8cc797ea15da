"""Whether the same request gets the same answer.

Who answered during the run, and whether that, or the number of calls in flight, explains the flips.

A server that batches requests computes them in other orders when it is busy, and floating-point sums then
differ in their last digits: at temperature 0, flips that come and go with concurrency are the usual sign.

Each headline metric in each repeat: what a run that asks every case once could have said.
"""

import math
from collections import Counter
from typing import TypeAlias

import msgspec
import numpy as np

from harness import judge
from harness.files.thresholds import ACCURACY, BALANCED_ACCURACY, MACRO_F1, MCC, P95, PRECISION, RECALL, Metric
from harness.judge.scores import Answers, RepeatPairs, Votes, balanced_cut, difference
from harness.judge.view import NONE, SYNC, VIAS, Bool, Float, Int32, View, named_counts

_SHOWN = 20
_Of: TypeAlias = tuple[Metric, str | None]  # a metric, and the label that it is of
FOLLOWED = (BALANCED_ACCURACY, MACRO_F1, MCC)
_MOST_LABELS = 12  # of more labels only the averaged metrics are followed


def judged_stability(view: View) -> judge.Stability:
    """Give agreement between repeats, and the cases that moved."""
    cast, right = view.votes, view.answers.right
    confidence = view.confidence
    agreement = judge.scores.agreement(cast).estimate(confidence)
    extremes = judge.scores.best_and_worst(view.trials.case, right)
    common = judge.Stability(
        agreement=agreement,
        flip_rate=judge.scores.flip_rate(cast).estimate(confidence),
        tar_raw=judge.scores.all_same(view.trials.case, view.trials.reply).estimate(confidence),
        tar_label=judge.scores.all_same(view.trials.case, view.answer_codes).estimate(confidence),
        served_models=named_counts(view.trials.served, view.trials.served_models),
        fingerprints=named_counts(view.trials.fingerprint, view.trials.fingerprints),
    )
    if agreement.value is None:
        return msgspec.structs.replace(common, ways_note=_ways_note(view, None))
    alike = judge.scores.clustering(view.trials.case, right)
    answered = view.answered  # nobody answered what failed: that is no answer which moved
    unstable = judge.scores.least_stable(answered.votes, most=len(view.cases))
    made = msgspec.structs.replace(
        common,
        pass_k=_pass_k(view),
        fleiss_kappa=judge.scores.fleiss_kappa(cast, seed=view.suite.seed).estimate(confidence),
        krippendorff_alpha=judge.scores.krippendorff_alpha(cast, seed=view.suite.seed).estimate(confidence),
        icc=None if alike is None else alike.icc,
        design_effect=None if alike is None else alike.design_effect,
        mean_entropy_bits=judge.scores.mean_entropy(cast),
        best_accuracy=None if extremes is None else extremes[0],
        worst_accuracy=None if extremes is None else extremes[1],
        flips=_flips(view, answered.votes),
        spread=spread_over_repeats(view),
        unstable=tuple(_unstable(view, case) for case in unstable[:_SHOWN]),
        unstable_cases=len(unstable),
    )
    return with_served(answered, made, answered.answer_codes)


def _flips(view: View, cast: Votes) -> tuple[judge.Flip, ...]:
    rates = judge.scores.flip_rates(cast)
    return tuple(
        judge.Flip(
            first=view.answer_name(first),
            second=view.answer_name(second),
            share=share,
            pairs=pairs,
            rate=rates[first, second],
            rate_back=rates[second, first],
        )
        for first, second, share, pairs in judge.scores.flips(cast)[:_SHOWN]
    )


def _pass_k(view: View) -> dict[str, judge.Estimate]:
    found = {}
    for k in range(2, min(view.repeats, 8) + 1):
        estimate = judge.scores.pass_power(view.trials.case, view.answers.right, k).estimate(view.confidence)
        if estimate.value is not None:
            found[str(k)] = estimate
    return found


def _unstable(view: View, case: int) -> judge.UnstableCase:
    rows = np.flatnonzero(view.trials.case == case)
    codes = view.answer_codes[rows]
    said = Counter(view.answer_name(int(code)) for code in codes)
    return judge.UnstableCase(
        case=view.cases.ids[case],
        expected=view.labels[int(view.cases.expected[case])],
        labels=dict(sorted(said.items(), key=lambda item: (-item[1], item[0]))),
        replies=tuple(view.trials.replies[reply] for reply in view.trials.reply[rows]),
    )


def with_served(view: View, made: judge.Stability, answers: Int32) -> judge.Stability:
    """Add what the served models, the fingerprints and the calls in flight say of the flips."""
    changes = served_changes(view)
    made = msgspec.structs.replace(made, served_changes=tuple(changes[:_SHOWN]), served_changes_in_all=len(changes))
    pairs = RepeatPairs.of(view.trials.case, answers)
    if len(pairs.case) == 0:
        return made
    concurrency, by_way = _by_concurrency(view, pairs), _by_way(view, pairs)
    return msgspec.structs.replace(
        made,
        by_way=by_way,
        ways_note=_ways_note(view, by_way),
        concurrency=concurrency,
        by_fingerprint=_by_server(view, pairs),
        concurrency_note=_note(view, pairs, concurrency),
    )


def served_changes(view: View) -> list[judge.ServedChange]:
    """Give each time that the answers began to come from another model or fingerprint, in time."""
    trials = view.trials
    found = [
        *_changes(view, "model", trials.served, trials.served_models),
        *_changes(view, "fingerprint", trials.fingerprint, trials.fingerprints),
    ]
    return sorted(found, key=lambda change: (change.at_s, change.what))


def _changes(view: View, what: str, column: Int32, names: tuple[str, ...]) -> list[judge.ServedChange]:
    if len(names) < 2:
        return []
    known = np.flatnonzero((column != NONE) & (view.trials.sent_at != NONE))
    order = known[np.argsort(view.trials.sent_at[known], kind="stable")]
    served = column[order]
    return [
        judge.ServedChange(
            what=what,
            at_s=float(view.trials.sent_at[order[at + 1]]) / 1e9,
            before=names[int(served[at])],
            after=names[int(served[at + 1])],
        )
        for at in np.flatnonzero(served[1:] != served[:-1])
    ]


def _by_concurrency(view: View, pairs: RepeatPairs) -> judge.PairsCompared | None:
    """Compare pairs sent among few calls with pairs of which one was sent among more."""
    trials = view.trials
    sent = (trials.in_flight > 0) & (trials.sent_at != NONE)
    pairs = pairs.where(np.asarray(sent[pairs.first] & sent[pairs.second], dtype=np.bool_))
    most = np.maximum(trials.in_flight[pairs.first], trials.in_flight[pairs.second])
    cut = balanced_cut(most)
    if trials.recorded or cut is None:
        return None
    few, many = f"at most {judge.count(cut, 'call')} in flight", f"more than {cut:,}"
    return _compared(view, pairs, np.asarray(most > cut, dtype=np.bool_), (few, many))


def _by_server(view: View, pairs: RepeatPairs) -> judge.PairsCompared | None:
    """Compare pairs answered by one model and fingerprint with pairs answered by two."""
    trials = view.trials
    if max(len(trials.served_models), len(trials.fingerprints)) < 2:
        return None
    who = trials.served.astype(np.int64) * (len(trials.fingerprints) + 1) + trials.fingerprint
    other = np.asarray(who[pairs.first] != who[pairs.second], dtype=np.bool_)
    return _compared(view, pairs, other, ("the same model and fingerprint", "another one"))


def _by_way(view: View, pairs: RepeatPairs) -> judge.PairsCompared | None:
    """Compare pairs of two answers of a batch with pairs of which one was asked at once."""
    first, second = (view.trials.via[rows] == SYNC for rows in (pairs.first, pairs.second))
    if not (first ^ second).any():
        return None
    pairs, across = pairs.where(~(first & second)), (first ^ second)[~(first & second)]
    return _compared(view, pairs, across, ("both in the batch", "one asked at once"))


def _came_later(view: View) -> bool:
    return bool(np.isin(view.trials.via, [VIAS.index("batch"), VIAS.index("file")]).any())


def _ways_note(view: View, compared: judge.PairsCompared | None) -> str:
    """Say whether answers of a batch are those of asking at once, as far as cases were asked both ways."""
    if not _came_later(view) or not (view.trials.via == SYNC).any():
        return ""
    if compared is None or compared.second.value is None:
        once = "every case was asked once; `repeats: 2` asks the sample both ways"
        lacks = "no case was answered both ways" if view.repeats > 1 else once
        return f"Whether the batch answers as asking at once does was not measured: {lacks}."
    seen = f"an answer of each differ in {judge.figure(compared.second, 'share')} of pairs"
    beside = "" if compared.first.value is None else f", two of the batch in {judge.figure(compared.first, 'share')}"
    if compared.explains:
        told = f"The batch answers otherwise than asking at once does: {seen}{beside}"
        return f"{told}. Its figures are not production's."
    return f"Nothing shows that the batch answers otherwise than asking at once does: {seen}{beside}."


def _compared(view: View, pairs: RepeatPairs, second: Bool, kinds: tuple[str, str]) -> judge.PairsCompared:
    here, there = (pairs.where(np.asarray(keep)).differing() for keep in (~second, second))
    apart = difference(there, here).estimate(view.confidence)
    return judge.PairsCompared(
        first_kind=kinds[0],
        first=here.estimate(view.confidence),
        second_kind=kinds[1],
        second=there.estimate(view.confidence),
        difference=apart,
        explains=apart.low is not None and apart.low > 0,
    )


def _note(view: View, pairs: RepeatPairs, compared: judge.PairsCompared | None) -> str:
    flips = int(np.count_nonzero(pairs.differ))
    if view.trials.recorded or not flips or _came_later(view):
        return ""
    if compared is None:
        calls = int(view.trials.in_flight.max(initial=0))
        if calls < 1:
            return ""
        alone = "alone" if calls == 1 else f"with {judge.count(calls, 'call')} in flight"
        return f"Concurrency can't explain the flips: every repeat was sent {alone}."
    if compared.difference.value is None:
        return f"Whether concurrency explains the flips is open: {compared.difference.why_undefined}."
    seen = (
        f"repeats differ in {judge.figure_alone(compared.first, 'share', '')} of pairs with {compared.first_kind} "
        f"and in {judge.figure_alone(compared.second, 'share', '')} with {compared.second_kind} "
        f"({judge.figure(compared.difference, 'points')})"
    )
    if compared.explains:
        return f"Concurrency explains part of the flips: {seen}. The server may batch calls together."
    return f"Nothing shows that concurrency causes the {judge.verb(flips, 'flip', 'flips')}: {seen}."


def spread_over_repeats(view: View) -> tuple[judge.Spread, ...]:
    """Give the headline metrics in each repeat, with their range and standard deviation."""
    rows: dict[_Of, list[float | None]] = {}
    times, _ = view.times(view.trials.caller_ns)
    timed_repeat = view.trials.repeat[view.timed]
    for repeat in np.unique(view.trials.repeat):  # a foreign journal may have the 32,767th alone
        part = view.answers.where(np.asarray(view.trials.repeat == repeat, dtype=np.bool_))
        for of, value in _metrics(view, part).items():
            rows.setdefault(of, []).append(value)
        rows.setdefault((P95, None), []).append(_p95(times[timed_repeat == repeat]))
    return tuple(_spread(of, values) for of, values in rows.items())


def _metrics(view: View, part: Answers) -> dict[_Of, float | None]:
    confusion = part.confusion().astype(np.float64)
    values: dict[_Of, float | None] = {(ACCURACY, None): judge.scores.accuracy(part).value}
    values |= {(metric, None): _finite(judge.scores.AVERAGES[metric.name].of(confusion)) for metric in FOLLOWED}
    labels = range(len(view.labels)) if view.positive is None else (view.positive,)
    if len(labels) <= _MOST_LABELS:
        for place in labels:
            name = view.labels[place]
            values[RECALL, name] = judge.scores.recall(part, place).value
            values[PRECISION, name] = judge.scores.precision(part, place).value
    return values


def _p95(times: Float) -> float | None:
    value = judge.scores.quantile_of(times, P95.quantile or 1.0) if len(times) else None
    return value if value is not None and math.isfinite(value) else None


def _finite(value: Float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _spread(of: _Of, values: list[float | None]) -> judge.Spread:
    metric, label = of
    known = [value for value in values if value is not None]
    return judge.Spread(
        metric=metric.name if label is None else f"{metric.name}[{label}]",
        values=tuple(values),
        low=min(known, default=None),
        high=max(known, default=None),
        deviation=float(np.std(known, ddof=1)) if len(known) > 1 else None,
        scale=metric.scale,
    )
