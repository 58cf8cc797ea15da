"""Running figures of a candidate, against counts made by hand."""

from __future__ import annotations

from harness.cli.progress import Progress
from harness.cli.tally import Tally
from harness.files.project import Price
from harness.files.suite import ReplyRule
from harness.judge.labels import LabelReader
from harness.record import Attempt, Failure, Record, Reply, Usage

READER = LabelReader(ReplyRule(), ("spam", "ham"))


def record(case: str, text: str | None, *, variant: str = "original", warmup: bool = False) -> Record:
    outcome = Failure(kind="timeout", message="too slow") if text is None else reply(text)
    attempts = (Attempt(duration_ns=100_000_000),)
    return Record(
        key=f"{case}-{variant}",
        candidate="v1@m",
        case=case,
        variant=variant,
        repeat=0,
        outcome=outcome,
        attempts=attempts,
        warmup=warmup,
    )


def reply(text: str) -> Reply:
    return Reply(text=text, finish_reason="stop", usage=Usage(input=1_000_000, output=500_000))


def tally() -> Tally:
    return Tally(READER, {"a": "spam", "b": "ham"}, Price(input=2.0, output=4.0))


def test_failures_count_as_wrong_and_perturbed_trials_do_not_count_as_answers() -> None:
    counted = tally()
    for each in (
        record("a", "spam"),
        record("b", "spam"),
        record("b", None),
        record("a", "ham", variant="typo"),
    ):
        counted.add(each)
    done, right, _, failed, retries = counted.cells()
    assert (done, right, failed, retries) == ("4", "33.3% right", "1 failed", "")  # one of three originals


def test_money_is_tokens_times_the_price_of_a_million() -> None:
    counted = tally()
    counted.add(record("a", "spam"))
    counted.add(record("b", "ham"))
    assert counted.money == 2 * (1.0 * 2.0 + 0.5 * 4.0)


def test_progress_counts_earlier_sessions_and_leaves_warm_ups_out() -> None:
    progress = Progress({"v1@m": tally()})
    progress.on_start(planned=10, done=4)
    progress.on_record(record("a", "spam", warmup=True))
    progress.on_record(record("a", "spam"))
    assert progress.done == 5
    assert progress.summary().startswith("5/10  ")
    assert "4.0000 spent" in progress.summary()
