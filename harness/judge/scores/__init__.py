"""Arrays in, figures out: every estimate and test with its source; no English, no files.

The door also has the types of the arrays, as they stand in its signatures.
"""

from harness.judge.scores.binomial import (
    MOST,
    POWER,
    best_provable,
    half_way,
    passing_power,
    planned_n,
    rounded_up,
    smallest_all_pass_n,
    wilson,
)
from harness.judge.scores.calibration import brier, calibration_by_chance, expected_calibration_error, reliability
from harness.judge.scores.classification import (
    AVERAGES,
    NO_TRIALS,
    OF_LABEL,
    Resampling,
    accuracy,
    coverage,
    f1,
    majority,
    no_alarm,
    precision,
    recall,
    shares,
)
from harness.judge.scores.combined import (
    Combined,
    Drop,
    apart,
    break_even_score,
    cusum,
    difference,
    error_cost,
    fisher,
    no_big_drop,
    precision_at,
)
from harness.judge.scores.figure import (
    AT_ONCE,
    NONE,
    Bool,
    Drawn,
    Figure,
    Float,
    Int16,
    Int64,
    Mapped,
    Missing,
    Normal,
    distinct,
    two_sided,
)
from harness.judge.scores.invariance import Excess, RepeatPairs, balanced_cut, excess, flip_share, p_value
from harness.judge.scores.latency import (
    SloDecision,
    TimedSide,
    case_medians,
    difference_of_draws,
    in_seconds,
    quantile_differences,
    quantile_draws,
    quantile_estimate,
    quantile_of,
    shift_of_medians,
    slo_check,
    slower_cases,
    within,
)
from harness.judge.scores.matrix import fbeta_of
from harness.judge.scores.not_worse import GAMMA, lower_bound, p_flips, p_not_above, p_sign
from harness.judge.scores.paired import (
    TWO_LOOKS,
    PairedDifference,
    clustered_mean,
    cochran_q,
    holm,
    non_inferiority_n,
    paired_difference,
    paired_mean_difference,
    paired_ratio_difference,
    ratio_of_sums,
    second_error,
)
from harness.judge.scores.proportion import Decision, Share, clustered_share, decide, meets, share_of_counts
from harness.judge.scores.resample import Answers, MatrixMetric, PairedDraws, Patterns, linear_se, precision_of
from harness.judge.scores.settling import (
    Look,
    Sure,
    look_at_hits,
    look_at_predictions,
    look_at_ratio,
    look_at_scores,
    totals_left,
)
from harness.judge.scores.settling_pairs import PairedCuts, log_e_pairs, look_at_lines, paired_cuts
from harness.judge.scores.stability import (
    ONE_REPEAT,
    Votes,
    agreement,
    all_same,
    best_and_worst,
    clustering,
    ends_of,
    fleiss_kappa,
    flip_rate,
    flip_rates,
    flips,
    krippendorff_alpha,
    least_stable,
    mean_entropy,
    pass_power,
)
from harness.judge.scores.tradeoff import Curve, Scored, best_precision, best_recall, judge_at, lowest_cost, tradeoffs
