"""Running figures of a candidate, against counts made by hand."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from harness.cli.progress.counting import Progress
from harness.cli.progress.display import table
from harness.cli.progress.tally import Tally
from harness.files.project import Price
from harness.files.suite import ReplyRule
from harness.judge.labels import LabelReader
from harness.record import Attempt, Failure, Pace, Record, Reply, Usage

READER = LabelReader(ReplyRule(), ("spam", "ham"))


def record(case: str, text: str | None, *, variant: str = "original", warmup: bool = False, **rest: Any) -> Record:
    usage = rest.pop("usage", Usage(input=1_000_000, output=500_000))
    outcome = Failure(kind="timeout", message="too slow") if text is None else reply(text, usage)
    attempts = (Attempt(duration_ns=100_000_000),)
    return Record(
        key=f"{case}-{variant}",
        candidate=rest.get("candidate", "v1@m"),
        case=case,
        variant=variant,
        repeat=0,
        outcome=outcome,
        attempts=attempts,
        warmup=warmup,
    )


def reply(text: str, usage: Usage) -> Reply:
    return Reply(text=text, finish_reason="stop", usage=usage)


def tally() -> Tally:
    return Tally(READER, {"a": "spam", "b": "ham"}, Price(input=2.0, output=4.0))


def test_failures_count_as_wrong_and_perturbed_trials_do_not_count_as_answers() -> None:
    counted = tally()
    for each in (record("a", "spam"), record("b", "spam"), record("b", None), record("a", "ham", variant="typo")):
        counted.add(each)
    assert counted.done == 4
    assert counted.accuracy_text().startswith("33.3% right (")  # one of three originals
    assert counted.trouble_text() == "1 failed"


def test_the_running_interval_counts_cases_not_repeats() -> None:
    # Wilson for 1 of 2 at 95%: centre 0.5, half 0.40548: 9.5% to 90.5%; repeats add no cases.
    counted = tally()
    for _ in range(10):
        counted.add(record("a", "spam"))
        counted.add(record("b", "spam"))
    assert counted.accuracy_text() == "50.0% right (9 to 91)"


def test_money_is_tokens_times_the_price_of_a_million() -> None:
    counted = tally()
    counted.add(record("a", "spam"))
    counted.add(record("b", "ham"))
    assert counted.money == 2 * (1.0 * 2.0 + 0.5 * 4.0)


def test_cached_tokens_cost_their_own_price() -> None:
    counted = Tally(READER, {"a": "spam"}, Price(input=2.0, output=4.0, cached=0.5))
    usage = Usage(input=1_000_000, output=0, cached=600_000)
    counted.add(record("a", "spam", usage=usage))
    assert counted.money == pytest.approx(0.4 * 2.0 + 0.6 * 0.5)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_progress_counts_earlier_sessions_and_leaves_warm_ups_out() -> None:
    progress = Progress({"v1@m": tally()})
    progress.on_start(planned=10, done=4)
    progress.on_record(record("a", "spam", warmup=True))
    progress.on_record(record("a", "spam"))
    assert progress.done == 5
    assert progress.line().startswith("5/10 (50%)  ")
    assert "$4.00 spent" in progress.line()
    assert "100.0% right (21 to 100)" in progress.line()
    assert "p95 100 ms" in progress.line()


def test_the_time_left_follows_the_rate_of_the_last_half_minute() -> None:
    clock = Clock()
    progress = Progress({"v1@m": tally()}, clock=clock)
    progress.on_start(planned=300, done=0)
    for each_second in [10] * 10 + [2] * 40:
        clock.now += 1
        for _ in range(each_second):
            progress.on_record(record("a", "spam"))
        line = progress.line()
    assert line.startswith("180/300 (60%)  2.0/s  ")
    assert "1:00 left" in line  # 120 more at two a second


def test_what_a_run_waits_for_is_said_while_it_is_news() -> None:
    clock = Clock()
    progress = Progress({"v1@m": tally()}, clock=clock)
    progress.on_start(planned=10, done=0)
    why = "429, backing off 5 s; 40 -> 32 in flight"
    progress.on_pace(Pace(at_ns=1, endpoint="e", limit=32, in_flight=40, why=why))
    assert progress.waiting() == why
    assert "40 in flight (limit 32)" in progress.line()
    clock.now += 14
    progress.on_record(record("a", "spam"))
    clock.now += 4
    assert progress.waiting() == ""
    clock.now += 8
    assert progress.waiting() == "nothing ended for 12 s"


def test_failures_and_retries_are_said_only_when_asked_for() -> None:
    said: list[str] = []
    progress = Progress({"v1@m": tally()})
    progress.say = said.append
    progress.on_record(record("a", None))
    assert said == []
    progress.verbose = True
    progress.on_record(record("a", None))
    assert said == ["failed: v1@m, case a, original, repeat 0: timeout: too slow"]


def test_how_trials_ended_is_told_while_the_run_goes_on_what_failed_first() -> None:
    progress = Progress({"v1@m": tally(), "v2@m": tally()})
    progress.on_start(planned=10, done=0)
    for text in ("spam", "", "", "hello", None):
        progress.on_record(record("a", text))
    assert progress.tallies["v1@m"].trouble_text() == "1 failed, 2 empty, 1 unparseable"
    progress.on_record(record("a", "", candidate="v2@m"))
    assert "1 failed, 3 empty, 1 unparseable" in progress.line()
    assert "1 failed, 3 empty, 1 unparseable" in progress.finished()


def colours(progress: Progress) -> set[str]:
    console = Console(file=io.StringIO(), width=140, force_terminal=True, color_system="truecolor")
    with console.capture() as captured:
        console.print(table(progress, 140))
    return set(re.findall(r"\x1b\[([0-9;]*)m", captured.get())) - {"0"}


def test_only_what_failed_is_red() -> None:
    progress = Progress({"v1@m": tally()})
    progress.on_start(planned=10, done=0)
    progress.on_record(record("a", "hello"))
    assert not {code for code in colours(progress) if re.match(r"31|91|38;2;2[0-9]{2};", code)}
    progress.on_record(record("a", None))
    assert "31" in colours(progress)


def test_no_line_of_bars_is_wider_than_the_terminal_and_each_figure_is_whole() -> None:
    progress = Progress({f"a_rather_long_prompt_name_v{i}@gpt-4.1-mini-2025": tally() for i in range(2)})
    progress.on_start(planned=2400, done=0)
    for name in progress.tallies:
        for text in ("spam", "ham", None):
            progress.on_record(record("a", text, candidate=name))
    for width in (80, 140):
        console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=True)
        with console.capture() as shown:
            console.print(table(progress, width))
        lines = shown.get().splitlines()
        assert all(len(line) <= width for line in lines)
        assert all("33.3% right (3 to 91)" in line and "p95 100 ms" in line for line in lines[:2])
        where = lines[:2] if width > 100 else lines[2:4]  # where it has no room behind, below
        assert all("1 failed" in line for line in where)
