"""Two candidates on the same cases, answer by answer, so that tests can compare them as runs would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from run_of import CALM, candidate, case_row, manifest_of, record

from harness.judge.compare import compare
from harness.judge.documents import Comparison
from harness.judge.table.read import tabulate
from harness.judge.view import RunView, View
from harness.record import Event, Failure, Interference, Reply, Session

Said = str | Failure | Reply
LABELS = ("spam", "ham")
PRICE = {"input": 1.0, "output": 4.0}


@dataclass(frozen=True)
class Asked:
    """One case and what was answered in each repeat."""

    case: str
    expected: str
    said: tuple[Said, ...]
    seconds: float | None = 0.2
    fields: Mapping[str, Any] = field(default_factory=dict)  # of the case: inputs, tags, split


def wrong(label: str) -> str:
    """Give the other label."""
    return "ham" if label == "spam" else "spam"


def asked(number: int, right: str, *, expected: str = "ham", **fields: Any) -> Asked:
    """Give a case that was answered rightly (`1`) or wrongly (`0`) in each repeat: `asked(3, "110")`."""
    said = tuple(expected if mark == "1" else wrong(expected) for mark in right)
    return Asked(f"case-{number:04d}", expected, said, fields=fields)


def pattern(both: int, base_only: int, head_only: int, neither: int) -> tuple[list[Asked], list[Asked]]:
    """Give both sides of a table of right and wrong answers, one trial a case."""
    marks = [("1", "1")] * both + [("1", "0")] * base_only + [("0", "1")] * head_only + [("0", "0")] * neither
    base = [asked(number, one) for number, (one, _) in enumerate(marks)]
    head = [asked(number, two) for number, (_, two) in enumerate(marks)]
    return base, head


def viewed(
    answers: Sequence[Asked],
    name: str = "v1@mini",
    *,
    labels: Sequence[str] = LABELS,
    positive: str | None = "spam",
    prompt: str = "Is it spam? {{ message }}",
    model: Mapping[str, Any] | None = None,
    planned_repeats: int | None = None,
    load: Interference = CALM,
    extra: Sequence[Event] = (),
    variants: Sequence[str] = ("original",),
    **manifest: Any,
) -> View:
    """Give one candidate of a run with these answers."""
    events: list[Event] = [Session(at_utc="2026-01-01T00:00:00Z", event="started"), load, *extra]
    for one in answers:
        events.append(case_row(one.case, one.expected, **one.fields))
        events += [
            record(one.case, said, repeat=repeat, candidate=name, seconds=one.seconds)
            for repeat, said in enumerate(one.said)
        ]
    entry = candidate(name, messages=[{"role": "user", "content": prompt}])
    entry = msgspec.structs.replace(
        entry,
        model={"endpoint": "chat", "model": "mini", "price": PRICE, **(model or {})},
        prompt_digest=f"digest of {prompt}",
    )
    repeats = planned_repeats or max((len(one.said) for one in answers), default=1)
    made = manifest_of(
        labels,
        planned=len(answers) * repeats,
        repeats=repeats,
        candidates=[entry],
        variants=variants,
        **({"positive": positive} if positive else {}),
    )
    made = msgspec.structs.replace(made, **manifest)
    (view,) = RunView(made, tabulate(made, events)).views
    return view


def broken_and_fixed() -> Comparison:
    """Give a change that finds more spam, calls more ham spam, refuses twice and takes longer."""
    base, head = [], []
    for number in range(120):
        expected = "spam" if number % 4 == 0 else "ham"
        tags = ("short",) if number % 3 == 0 else ()
        spoken = {"inputs": {"message": f"message {number}, {('win a prize', 'see you')[number % 4 > 0]}"}}
        before = "000" if expected == "spam" and number < 48 else "111"
        after = "001" if expected == "ham" and number % 10 == 3 else "111"
        one = asked(number, before, expected=expected, tags=tags, **spoken)
        two = asked(number, after, expected=expected, tags=tags, **spoken)
        if number in {50, 51}:
            two = replace(two, said=(Reply(text="", refusal="I can't judge that."),) * 3)
        base.append(replace(one, seconds=0.2 + number / 1000))
        head.append(replace(two, seconds=0.26 + number / 1000))
    warm = {"params": {"temperature": 0.2}}
    return compare(
        viewed(base, prompt="Is it spam? {{ message }}", model={"params": {"temperature": 0}}),
        viewed(head, "v2@mini", prompt="Think of prizes. Is it spam? {{ message }}", model=warm),
    )
