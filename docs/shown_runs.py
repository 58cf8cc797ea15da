"""The runs that docs/screenshots.py shows, judged from made-up replies: the same on every machine, no network."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec
from decided import asked, broken, comparison, gate, held, judged
from markdown_it import MarkdownIt
from run_of import candidate, case_row, events_of, manifest_of, parsed_thresholds, record
from went_wrong import all_cut, refused_alike

from harness.judge.assess import assess
from harness.judge.documents import Assessment
from harness.report.gate import render_gate
from harness.rundir import Manifest

INTENTS = (
    "refund", "shipping", "cancellation", "invoice", "technical", "account", "complaint", "praise", "sales lead",
    "press enquiry", "job application", "other",
)  # fmt: skip
WORDS = (
    ("Please", "Hello,", "Once more:", "Quick question:", "I am writing because", "As said on the phone,",
     "Since Monday"),
    ("order", "parcel", "contract", "card", "invoice", "login", "jacket", "ticket", "router", "booking", "voucher"),
    ("was charged twice", "never came", "shows an error", "has the wrong name", "runs out soon", "is too small",
     "cannot be opened", "went to my neighbour", "costs more than you wrote", "was cancelled without a word"),
    ("and I want my money back", "so what do I do", "which is a shame", "and I am very happy all the same",
     "can you look into it", "and my patience is at its end", "and that since last week", "please call me"),
)  # fmt: skip
LENGTHS = (300, 520, 940, 1980)  # ms, about, by size of the model


def _wrong(label: str, labels: Sequence[str], draw: random.Random) -> str:
    """Give another label, mostly the next one, as of a model that confuses some more than others."""
    place = labels.index(label)
    return labels[(place + 1) % len(labels)] if draw.random() < 0.6 else draw.choice([x for x in labels if x != label])


def _run(
    labels: Sequence[str],
    cases: Sequence[tuple[str, int]],
    right: dict[str, float],
    thresholds: Sequence[str],
    *,
    repeats: int,
    name: str,
    positive: str | None = None,
) -> Assessment:
    """Judge candidates that answer so often right, over (label, number of cases)."""
    draw = random.Random(7)  # noqa: S311  # figures for a picture
    rows = [(f"{name}-{n:04d}", label) for n, label in enumerate(x for x, many in cases for _ in range(many))]
    entries = [candidate(one, messages=[{"role": "user", "content": "Sort this: {{ message }}"}]) for one in right]
    planned = len(rows) * repeats * len(right)
    made = manifest_of(labels, planned=planned, repeats=repeats, candidates=entries, positive=positive)
    manifest = _named(made, name)
    session = events_of([])
    events = [session[0], *session[1:2]]
    for case, label in rows:
        opening, thing, event, ending = (draw.choice(words) for words in WORDS)
        text = f"{opening} {thing} {draw.randrange(1000, 9999)} {event}, {ending}."
        events.append(case_row(case, label, inputs={"message": text}))
    for place, (who, share) in enumerate(right.items()):
        median = LENGTHS[place % len(LENGTHS)] / 1000
        for case, label in rows:
            hard = draw.random() > share
            for repeat in range(repeats):
                miss = hard and draw.random() < 0.9
                said = _wrong(label, labels, draw) if miss else label
                seconds = median * draw.lognormvariate(0, 0.25)
                events.append(record(case, said, repeat=repeat, candidate=who, seconds=seconds))
    events.append(session[2])
    return assess(manifest, events, thresholds=parsed_thresholds(thresholds, labels))


def _named(manifest: Manifest, name: str) -> Manifest:
    suite = {**manifest.suite, "name": name}
    return msgspec.structs.replace(
        manifest,
        suite_name=name,
        suite=suite,
        run_id=f"20260301T090000Z-{name}-3fa2c1",
        created_utc="2026-03-01T09:00:00Z",
    )


def _spam(right: dict[str, float], *, cases: int = 400, repeats: int = 3, name: str = "spam") -> Assessment:
    third = cases // 3
    return _run(
        ("spam", "ham"),
        (("spam", third), ("ham", cases - third)),
        right,
        (
            "accuracy >= 90%", "recall[spam] >= 85%", "precision[spam] >= 80%", "latency.p95 <= 1 s",
            "stability >= 85%", "failures <= 1%",
        ),
        repeats=repeats,
        name=name,
        positive="spam",
    )  # fmt: skip


def _many(labels: Sequence[str], least: int, most: int, share: float, name: str) -> Assessment:
    draw = random.Random(3)  # noqa: S311  # as above
    cases = [(label, draw.randint(least, most)) for label in labels]
    wanted = [f"{metric}[{label}] >= 80%" for label in labels for metric in ("recall", "precision")]
    return _run(
        labels, cases, {"v2@mini": share}, ["accuracy >= 90%", *wanted, "latency.p95 <= 1 s"], repeats=2, name=name
    )


SHOWN: dict[str, Callable[[], Assessment]] = {
    "report": lambda: _spam({"v2@mini": 0.915, "v1@mini": 0.85, "v2@large": 0.93}),
    "six-candidates": lambda: _spam(
        {"v1@mini": 0.84, "v2@mini": 0.915, "v2@medium": 0.93, "v2@large": 0.95, "v1@small": 0.8, "v1@medium": 0.86}
    ),
    "twelve-labels": lambda: _many(INTENTS, 8, 70, 0.82, "support"),
    "forty-labels": lambda: _many([f"intent {n:02d}" for n in range(40)], 10, 30, 0.85, "banking"),
    "all-failed": refused_alike,
    "all-cut": all_cut,
    "perfect": lambda: _spam({"v3@mini": 1.0}, cases=1000, name="perfect"),
}


def gate_page() -> str:
    """Give a failed gate's comment as GitHub shows it, more or less."""
    told = "accuracy fell from 90.0% to 84.0%, −6.0 points (−9.0 to −3.0): a loss of more than 2 points."
    fell = msgspec.structs.replace(asked("accuracy", "FAIL", 0.001), sentence=told)
    lost = tuple(broken(f"sms-{n:04d}", text=f"Your parcel {n} waits, pay here") for n in (127, 204, 388))
    slow = held("latency.p95 <= 1 s", "PASS", name="latency.p95")
    made = gate(judged(head=(held("accuracy >= 80%", "PASS"), slow), comparison=comparison(fell, broken=lost)))
    comment = render_gate(made).translate(str.maketrans("✅❌❓", "✓✗?")).replace("<details>", "<details open>", 1)
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment)
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;max-width:880px;margin:24px auto;padding:0 16px}"
        ":root{color-scheme:light dark}"
        "table{border-collapse:collapse}td,th{border:1px solid #8886;padding:5px 12px;text-align:left}"
        "code{background:#8882;border-radius:4px;padding:1px 5px}"
        "blockquote{border-left:4px solid #8886;margin:0;padding:0 12px}"
    )
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>gate.md</title><style>{style}</style>{body}"
