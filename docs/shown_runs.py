"""The runs that docs/screenshots.py shows, judged from made-up replies: the same on every machine, no network."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec
from decided import gate, judged
from markdown_it import MarkdownIt
from run_of import candidate, case_row, events_of, manifest_of, parsed_thresholds, record
from went_wrong import CUT, POLICY, entry, refused_alike

from harness.judge.assess import assess, views
from harness.judge.compare import compare
from harness.judge.documents import Assessment, Gate
from harness.record import CaseRow, Event, Record
from harness.report.gate import render_gate
from harness.rundir import Manifest

SPAM = ("spam", "ham")
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


def _asked(name: str, cases: Sequence[tuple[str, int]], draw: random.Random) -> list[CaseRow]:
    """Make the cases of a suite, each with a text of its own."""
    rows = []
    for n, label in enumerate(x for x, many in cases for _ in range(many)):
        opening, thing, event, ending = (draw.choice(words) for words in WORDS)
        text = f"{opening} {thing} {draw.randrange(1000, 9999)} {event}, {ending}."
        rows.append(case_row(f"{name}-{n:04d}", label, inputs={"message": text}))
    return rows


def _measured(
    labels: Sequence[str],
    cases: Sequence[tuple[str, int]],
    right: dict[str, float],
    *,
    repeats: int,
    name: str,
    positive: str | None = None,
    alike: float = 0.0,
) -> tuple[Manifest, list[Event]]:
    """Measure candidates that answer so often right, over (label, number of cases).

    `alike` is the share of cases that are as hard for each of them: nearly all for versions of one prompt.
    """
    draw = random.Random(7)  # noqa: S311  # figures for a picture
    rows = _asked(name, cases, draw)
    entries = [candidate(one, messages=[{"role": "user", "content": "Sort this: {{ message }}"}]) for one in right]
    planned = len(rows) * repeats * len(right)
    made = manifest_of(labels, planned=planned, repeats=repeats, candidates=entries, positive=positive)
    started, calm, finished = events_of([])
    events: list[Event] = [started, calm, *rows]
    shared = [draw.random() for _ in rows] if alike else []
    for place, (who, share) in enumerate(right.items()):
        median = LENGTHS[0 if alike else place % len(LENGTHS)] / 1000
        for number, row in enumerate(rows):
            hard = (shared[number] if alike and draw.random() < alike else draw.random()) > share
            for repeat in range(repeats):
                miss = hard and draw.random() < 0.9
                said = _wrong(str(row.expected), labels, draw) if miss else str(row.expected)
                seconds = median * draw.lognormvariate(0, 0.25)
                events.append(record(row.id, said, repeat=repeat, candidate=who, seconds=seconds))
    events.append(finished)
    return _named(made, name), events


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
    """Judge candidates that answer so often right."""
    manifest, events = _measured(labels, cases, right, repeats=repeats, name=name, positive=positive)
    return assess(manifest, events, thresholds=parsed_thresholds(thresholds, labels))


def _all_cut() -> Assessment:
    """Judge a run in which nearly every reply was cut after eight tokens."""
    cases = (("spam", 20), ("ham", 20))
    manifest, events = _measured(SPAM, cases, {"v1@mini": 1.0}, repeats=1, name="spam", positive="spam")
    manifest = msgspec.structs.replace(manifest, candidates=(entry("v1@mini"),))
    cut = [
        msgspec.structs.replace(one, outcome=CUT) if isinstance(one, Record) and one.case < "spam-0036" else one
        for one in events
    ]
    return assess(manifest, cut, thresholds=parsed_thresholds(POLICY, SPAM))


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
        SPAM,
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
    "all-cut": _all_cut,
    "perfect": lambda: _spam({"v3@mini": 1.0}, cases=1000, name="perfect"),
}


def _gate() -> Gate:
    """Decide a branch that edits a prompt for the worse."""
    sides = ("v2@mini (base)", "v2@mini (head)")
    cases, right = (("spam", 160), ("ham", 440)), dict(zip(sides, (0.95, 0.88), strict=True))
    manifest, events = _measured(SPAM, cases, right, repeats=1, name="sms-spam", positive="spam", alike=0.97)
    asked = ("Is this message spam or ham?\n{{ message }}", "Is this advertising? Say spam or ham.\n{{ message }}")
    entries = tuple(
        msgspec.structs.replace(one, prompt={"messages": [{"role": "user", "content": text}]}, prompt_digest=text)
        for one, text in zip(manifest.candidates, asked, strict=True)
    )
    manifest = msgspec.structs.replace(manifest, candidates=entries)
    policy = parsed_thresholds(("accuracy >= 85%", "recall[spam] >= 75%", "latency.p95 <= 1 s"), SPAM)
    by_name = {one.name: one for one in assess(manifest, events, thresholds=policy).candidates}
    seen = views(manifest, events, policy)
    base, head = (by_name[name] for name in sides)
    compared = compare(*(seen[name] for name in sides))
    path = "prompts/v2.prompt.yml"
    changed = judged(path=path, prompt="v2", model="mini", head=head.checks, base=base.checks, comparison=compared)
    return msgspec.structs.replace(
        gate(changed), suite="suites/sms_spam.suite.yml", base_commit="3fa2c19e07d1", head_commit="9b41f0aa52c6"
    )


def gate_page() -> str:
    """Give a failed gate's comment as GitHub shows it, more or less."""
    made = _gate()
    comment = render_gate(made).translate(str.maketrans("✅❌❓", "✓✗?")).replace("<details>", "<details open>", 1)
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment)
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;max-width:880px;margin:24px auto;padding:0 16px}"
        ":root{color-scheme:light dark}"
        "table{border-collapse:collapse;display:block;overflow:auto}"
        "td,th{border:1px solid #8886;padding:5px 12px;text-align:left}"
        "code{background:#8882;border-radius:4px;padding:1px 5px}"
        "blockquote{border-left:4px solid #8886;margin:0;padding:0 12px}"
    )
    head = (
        '<meta charset=utf-8><meta name=viewport content="width=device-width, initial-scale=1"><title>gate.md</title>'
    )
    return f"<!doctype html><html lang=en>{head}<style>{style}</style>{body}"
