"""Answers made from confusion matrices written as rows, one trial per case."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from harness.judge.scores.answers import Answers


@pytest.fixture(scope="session")
def answers_of() -> Callable[[Sequence[Sequence[int]], Sequence[str]], Answers]:
    """Spread a matrix (rows expected; columns answered, an extra one is `no label`) into trials."""

    def spread(rows: Sequence[Sequence[int]], labels: Sequence[str]) -> Answers:
        expected: list[int] = []
        predicted: list[int] = []
        for i, row in enumerate(rows):
            for j, count in enumerate(row):
                expected += [i] * count
                predicted += [j if j < len(labels) else -1] * count
        return Answers.of(range(len(expected)), expected, predicted, labels)

    return spread
