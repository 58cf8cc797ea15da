"""Whether the same request gets the same answer."""

from collections import Counter

import msgspec
import numpy as np

from harness.judge import Estimate, Flip, Stability, UnstableCase, scores
from harness.judge.scores import Votes
from harness.judge.sections.served import with_served
from harness.judge.sections.spread import spread_over_repeats
from harness.judge.table.columns import named_counts
from harness.judge.view import View

SHOWN = 20
ONE_REPEAT = "each case was asked once, so nothing is known of how its answer moves"


def stability_section(view: View) -> Stability:
    """Give agreement between repeats, and the cases that moved."""
    cast, right = view.votes, view.answers.right
    confidence = view.confidence
    agreement = scores.agreement(cast).estimate(confidence)
    extremes = scores.best_and_worst(view.trials.case, right)
    common = Stability(
        agreement=agreement,
        flip_rate=scores.flip_rate(cast).estimate(confidence),
        tar_raw=scores.all_same(view.trials.case, view.trials.reply).estimate(confidence),
        tar_label=scores.all_same(view.trials.case, view.answer_codes).estimate(confidence),
        served_models=named_counts(view.trials.served, view.trials.served_models),
        fingerprints=named_counts(view.trials.fingerprint, view.trials.fingerprints),
    )
    if agreement.value is None:
        return common
    alike = scores.clustering(view.trials.case, right)
    answers = view.answered.votes  # nobody answered what failed: that is no answer which moved
    unstable = scores.least_stable(answers, most=len(view.cases))
    made = msgspec.structs.replace(
        common,
        pass_k=_pass_k(view),
        fleiss_kappa=scores.fleiss_kappa(cast, seed=view.suite.seed).estimate(confidence),
        krippendorff_alpha=scores.krippendorff_alpha(cast, seed=view.suite.seed).estimate(confidence),
        icc=None if alike is None else alike.icc,
        design_effect=None if alike is None else alike.design_effect,
        mean_entropy_bits=scores.mean_entropy(cast),
        best_accuracy=None if extremes is None else extremes[0],
        worst_accuracy=None if extremes is None else extremes[1],
        flips=_flips(view, answers),
        spread=spread_over_repeats(view),
        unstable=tuple(_unstable(view, case) for case in unstable[:SHOWN]),
        unstable_cases=len(unstable),
    )
    return with_served(view, made, view.answer_codes)


def _flips(view: View, cast: Votes) -> tuple[Flip, ...]:
    rates = scores.flip_rates(cast)
    return tuple(
        Flip(
            first=view.answer_name(first),
            second=view.answer_name(second),
            share=share,
            pairs=pairs,
            rate=rates[first, second],
            rate_back=rates[second, first],
        )
        for first, second, share, pairs in scores.flips(cast)[:SHOWN]
    )


def _pass_k(view: View) -> dict[str, Estimate]:
    found = {}
    for k in range(2, min(view.repeats, 8) + 1):
        estimate = scores.pass_power(view.trials.case, view.answers.right, k).estimate(view.confidence)
        if estimate.value is not None:
            found[str(k)] = estimate
    return found


def _unstable(view: View, case: int) -> UnstableCase:
    rows = np.flatnonzero(view.trials.case == case)
    codes = view.answer_codes[rows]
    said = Counter(view.answer_name(int(code)) for code in codes)
    return UnstableCase(
        case=view.cases.ids[case],
        expected=view.labels[int(view.cases.expected[case])],
        labels=dict(sorted(said.items(), key=lambda item: (-item[1], item[0]))),
        replies=tuple(view.trials.replies[int(view.trials.reply[row])] for row in rows),
    )
