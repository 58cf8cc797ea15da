"""Which share of a run a command measures, as typed or as its scheduler says."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.measure.sharding import Shard, shard_asked

SECOND = Shard(2, 5)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "1"}, Shard(3, 8)),
        (
            {
                **{"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"},
                **{"SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_MAX": "7"},
            },
            Shard(4, 8),
        ),
        ({"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "5"}, Shard(1, 5)),
        ({"CI_NODE_INDEX": "5", "CI_NODE_TOTAL": "5"}, Shard(5, 5)),
        ({"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "5", "JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "5"}, SECOND),
    ],
)
def test_a_scheduler_says_which_share_a_job_has(environ: dict[str, str], expected: Shard) -> None:
    assert shard_asked("auto", environ) == expected


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({}, "no scheduler"),
        ({"SLURM_ARRAY_TASK_ID": "3"}, "SLURM_ARRAY_TASK_COUNT is not"),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1", "SLURM_ARRAY_TASK_MIN": "3"}, "begins with 3"),
        (  # tasks 1 and 3 of a longer array, sent again
            {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MAX": "3"},
            "SLURM_ARRAY_TASK_MAX=3: the array has gaps",
        ),
        ({"JOB_COMPLETION_INDEX": "3"}, "JOB_COMPLETIONS is not"),
        ({"CI_NODE_INDEX": "0", "CI_NODE_TOTAL": "5"}, "no shard 0 of 5"),
        ({"CI_NODE_INDEX": "6", "CI_NODE_TOTAL": "5"}, "no shard 6 of 5"),
        ({"CI_NODE_INDEX": "one", "CI_NODE_TOTAL": "5"}, "are not numbers"),
        (
            {"CI_NODE_INDEX": "2", "CI_NODE_TOTAL": "5", "JOB_COMPLETION_INDEX": "2", "JOB_COMPLETIONS": "5"},
            r"different things \(JOB_COMPLETION_INDEX says 3/5, CI_NODE_INDEX says 2/5\)",
        ),
    ],
)
def test_a_scheduler_that_does_not_say_it_is_refused(environ: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        shard_asked("auto", environ)


def test_shares_are_the_same_everywhere_and_differ_by_one_case_at_most() -> None:
    cases = [f"case {n}" for n in range(50)]
    shares = [Shard(n, 7).share(cases) for n in range(1, 8)]
    assert sorted(map(len, shares)) == [7, 7, 7, 7, 7, 7, 8]
    assert frozenset().union(*shares) == frozenset(cases)
    assert [Shard(n, 7).share(reversed(cases)) for n in range(1, 8)] == shares
    # sha256 of "a", "b", "c", "d" begin with ca, 3e, 2e, 18: the rank is d, c, b, a
    assert [sorted(Shard(n, 2).share("abcd")) for n in (1, 2)] == [["b", "d"], ["a", "c"]]
