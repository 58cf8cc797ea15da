"""Small drawings as inline SVG: places along the time axis are per cent, so that they fit any width.

Colours come from the style sheet by class. Each drawing says in words what it shows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
from markupsafe import Markup, escape

from harness.judge import amount, count
from harness.record import Attempt
from harness.report.parts import one_line

_SPARK = (132, 30)
_BAR = 16  # height of a timeline
_LEAST_SPAN = 0.05  # a chart never blows up less than five points


class TrendRun(msgspec.Struct, frozen=True, kw_only=True):
    """One judged run of a suite."""

    run: str
    created_utc: str
    candidate: str
    accuracy: float
    verdict: str


class TrialShown(msgspec.Struct, frozen=True, kw_only=True):
    """One trial with its reply and the times of its parts, in nanoseconds."""

    candidate: str
    variant: str
    repeat: int
    read_as: str  # a label, or the outcome without one
    right: bool
    reply: str
    why: str  # why no label was read from it; empty where one was, or where it failed
    failed: bool
    finish_reason: str
    latency_s: float | None
    total_ns: int
    queue_ns: int
    own_ns: int
    attempts: tuple[Attempt, ...]
    tokens_in: int | None
    tokens_out: int | None
    served_model: str
    request_id: str
    started_utc: str
    in_flight: int
    recorded: bool


def sparkline(points: Sequence[TrendRun]) -> Markup:
    """Draw accuracies, oldest first, with a dot on the last one; a single one is no line."""
    if len(points) < 2:
        return Markup("")
    width, height = _SPARK
    low, high = _span([point.accuracy for point in points])
    step = (width - 8) / (len(points) - 1)
    places = [
        (round(4 + n * step, 1), round(height - 4 - (point.accuracy - low) / (high - low) * (height - 8), 1))
        for n, point in enumerate(points)
    ]
    line = " ".join(f"{x:g},{y:g}" for x, y in places)
    told = ", ".join(amount(point.accuracy, "share") for point in points[-6:])
    alt = f"Accuracy over {count(len(points), 'run')}, the last ones {told}"
    x, y = places[-1]
    frame = f'class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    return _svg(f'<polyline points="{line}"/><circle cx="{x:g}" cy="{y:g}" r="3"/>', alt, frame)


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of a trial."""

    kind: str
    start: int
    length: int
    told: str


def timeline(trial: TrialShown, longest_ns: int) -> Markup:
    """Draw where a trial's time went, to the scale of the longest trial of the page."""
    parts = list(_parts(trial))
    whole = max(longest_ns, 1)
    shapes = []
    for part in parts:
        x, width = 100 * part.start / whole, 100 * part.length / whole
        least = ' class="part failed least"' if part.kind == "failed" else f' class="part {part.kind}"'
        shapes.append(
            f'<rect{least} x="{x:.3f}%" y="1" width="{width:.3f}%" height="{_BAR - 2}">'
            f"<title>{escape(one_line(part.told))}</title></rect>"
        )
        if part.kind == "failed":  # seen even where it took no time to speak of
            shapes.append(f'<line class="failed" x1="{x:.3f}%" x2="{x:.3f}%" y1="0" y2="{_BAR}"/>')
    alt = "; ".join(part.told for part in parts if part.length) or "nothing was sent"
    return _svg("".join(shapes), alt, f'class="timeline" width="100%" height="{_BAR}"')


def _parts(trial: TrialShown) -> Iterator[_Part]:
    at = 0
    for part in (_Part("queue", 0, trial.queue_ns, f"queue {_ns(trial.queue_ns)}"), *_attempts(trial)):
        yield _Part(part.kind, at, part.length, part.told)
        at += part.length
    yield _Part("own", at, trial.own_ns, f"the harness itself {_ns(trial.own_ns)}")


def _attempts(trial: TrialShown) -> Iterator[_Part]:
    for number, attempt in enumerate(trial.attempts, start=1):
        named = f"attempt {number}" if len(trial.attempts) > 1 else "the call"
        if attempt.backoff_ns:
            yield _Part("backoff", 0, attempt.backoff_ns, f"backoff {_ns(attempt.backoff_ns)}")
        if attempt.rate_limit_ns:
            yield _Part("limited", 0, attempt.rate_limit_ns, f"rate limit {_ns(attempt.rate_limit_ns)}")
        if attempt.failure is not None:
            told = f"{named} failed after {_ns(attempt.duration_ns)}: {attempt.failure.kind}"
            yield _Part("failed", 0, attempt.duration_ns, told)
            continue
        first = attempt.first_token_ns or attempt.first_byte_ns or attempt.duration_ns
        first = min(first, attempt.duration_ns)
        opening = min(attempt.connect_ns or 0, first)
        if opening:
            yield _Part("queue", 0, opening, f"opening a connection {_ns(opening)}")
        yield _Part("waiting", 0, first - opening, f"{named}: first byte after {_ns(first)}")
        rest = attempt.duration_ns - first
        yield _Part("receiving", 0, rest, f"then {_ns(rest)} to the last byte")


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Give the ends of an axis: around the values, at least five points, within 0 and 1."""
    low, high = min(values), max(values)
    spare = max(0.0, _LEAST_SPAN - (high - low)) / 2
    low, high = max(0.0, low - spare), min(1.0, high + spare)
    return (low, high) if high > low else (max(0.0, low - _LEAST_SPAN), high)


def _svg(shapes: str, alt: str, attributes: str) -> Markup:
    label = escape(one_line(alt))
    return Markup(f'<svg {attributes} role="img" aria-label="{label}">{shapes}</svg>')  # noqa: S704  # escaped


def _ns(nanoseconds: int) -> str:
    return amount(nanoseconds / 1e9, "seconds")
