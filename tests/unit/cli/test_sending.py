"""The names under which figures are sent are names that a tracking server takes, one for each figure."""

from __future__ import annotations

import re

import pytest

from harness.cli.sending import _key


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("accuracy", "accuracy"),
        ("recall[spam]", "recall/spam"),
        ("recall[spam] where tag=short", "recall/spam where tag_short"),
        ("cost per 1000", "cost per 1000"),
        ("fbeta(2)[a/b]", "fbeta_2_/a_b"),
        ("recall[..]", "recall/_.."),
        ("recall[größe]", "recall/größe"),
        ('recall["odd ] label"]', "recall/_odd _ label_"),
    ],
)
def test_a_figure_has_a_name_without_brackets_and_paths(name: str, key: str) -> None:
    assert _key(name) == key
    assert re.fullmatch(r"[/\w.\- :]*", key)
