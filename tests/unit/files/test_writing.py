"""`adapt` goes into harness.yml as a line of its entry; comments, layout and all other entries stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.files.project import Adapt, adapted

ADAPT = Adapt(override={"max_completion_tokens": 200, "stop": ["no", "x: y"]}, drop=("temperature",))
LINE = 'adapt: {override: {max_completion_tokens: 200, stop: ["no", "x: y"]}, drop: [temperature]}'
URL = "base_url: http://127.0.0.1:9/v1"
CHAT = f"endpoint: chat, {URL}, model: m"

# what is written, and what is then; LINE stands for `@`
TEXTS = {
    "after params": (
        f"# top\nmodels:\n  a:  # first\n    endpoint: chat\n    {URL}\n    params: {{seed: 1}}  # so\n\n"
        "    model: m  # b\n",
        f"# top\nmodels:\n  a:  # first\n    endpoint: chat\n    {URL}\n    params: {{seed: 1}}  # so\n    @\n\n"
        "    model: m  # b\n",
    ),
    "after the last key, before what follows": (
        f"models:\n  a:\n    endpoint: chat\n    {URL}\n    model: m\n\n  # next\n  b: {{{CHAT}}}\n",
        f"models:\n  a:\n    endpoint: chat\n    {URL}\n    model: m\n    @\n\n  # next\n  b: {{{CHAT}}}\n",
    ),
    "in braces": (
        f"models:\n  b: {{{CHAT}}}  # é\n  a: {{{CHAT},  # as b\n      params: {{seed: 1}},\n     }}\n",
        f"models:\n  b: {{{CHAT}}}  # é\n  a: {{{CHAT},  # as b\n      params: {{seed: 1}}, @,\n     }}\n",
    ),
    "in place of another": (
        f"models:\n  a:\n    endpoint: chat\n    {URL}\n    adapt:\n      drop:\n        - seed\n    model: m",
        f"models:\n  a:\n    endpoint: chat\n    {URL}\n    @\n    model: m",
    ),
    "with the line ends and the mark of Windows": (
        f"\ufeffmodels:\r\n  a:\r\n    endpoint: chat\r\n    {URL}\r\n    model: m\r\nresults: r\r\n",
        f"\ufeffmodels:\r\n  a:\r\n    endpoint: chat\r\n    {URL}\r\n    model: m\r\n    @\r\nresults: r\r\n",
    ),
    "at the end of a file without a line end": (
        f"models:\n  a:\n    endpoint: chat\n    {URL}\n    model: m",
        f"models:\n  a:\n    endpoint: chat\n    {URL}\n    model: m\n    @",
    ),
}
BY_HAND = {
    "an entry that others repeat": f"models:\n  a: &a {{{CHAT}}}\n  b: *a\n",
    "an entry that repeats another": f"models:\n  b: &b {{{CHAT}}}\n  a: *b\n",
    "a comment inside": f"models:\n  a:\n    endpoint: chat\n    {URL}\n    model: m\n"
    "    adapt: # why\n      drop: [seed]\n",
}


@pytest.mark.parametrize("case", TEXTS)
def test_one_line_is_written_and_all_else_stays(case: str, tmp_path: Path) -> None:
    before, after = TEXTS[case]
    path = tmp_path / "harness.yml"
    path.write_bytes(before.encode())
    assert adapted(path, "a", ADAPT) == (before, after.replace("@", LINE))
    assert path.read_bytes() == before.encode()


@pytest.mark.parametrize("case", BY_HAND)
def test_what_would_change_more_than_the_entry_is_left_to_a_person(case: str, tmp_path: Path) -> None:
    path = tmp_path / "harness.yml"
    path.write_text(BY_HAND[case])
    with pytest.raises(UsageError) as caught:
        adapted(path, "a", ADAPT)
    assert LINE in caught.value.fix
