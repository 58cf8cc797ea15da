"""What a run has come to so far, from what the engine reports; `display` shows it."""

import time
from collections import Counter, deque
from collections.abc import Callable

from harness.cli.progress.tally import Tally, told_trouble
from harness.record import Failure, Pace, Record

WINDOW_S = 30.0  # the rate, and so the time left, is that of the last half minute
SHOWN_S = 15.0  # how long a change of pace is worth showing
SILENCE_S = 5.0  # from which a run in which nothing ends says so


class Progress:
    """Counts what the engine reports; drawing happens elsewhere, so that a record costs microseconds."""

    def __init__(self, by_candidate: dict[str, Tally], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.tallies = by_candidate
        self.planned = 0
        self.done_before = 0
        self.in_flight = 0
        self.limit = 0
        self.say: Callable[[str], None] = lambda _text: None  # a line that stays, set by the display
        self.near: Callable[[], str] = str  # how near verdicts are to being settled; the stopper says it
        self.verbose = False
        self._clock = clock
        self._started = self._last = clock()
        self._paced: tuple[float, str] | None = None
        self._samples: deque[tuple[float, int]] = deque()

    def on_start(self, planned: int, done: int) -> None:
        """Learn how many trials the run has and how many were finished before."""
        self.planned, self.done_before = planned, done
        self._started = self._last = self._clock()
        self._samples.clear()

    def on_record(self, record: Record) -> None:
        """Count a finished trial."""
        self._last = self._clock()
        self.in_flight = record.in_flight
        if not record.warmup:
            self.tallies[record.candidate].add(record)
        if self.verbose and (len(record.attempts) > 1 or isinstance(record.outcome, Failure)):
            self.say(_of_record(record))

    def on_pace(self, pace: Pace) -> None:
        """Learn why the pace changed."""
        self.limit, self.in_flight = pace.limit, pace.in_flight
        self._paced = (self._clock(), pace.why)
        if self.verbose:
            self.say(f"pace: {pace.why}")

    def on_note(self, text: str) -> None:
        """Say what the run wants to say."""
        self.say(text)

    @property
    def done(self) -> int:
        """Trials finished, those of earlier sessions included."""
        return self.done_before + sum(tally.done for tally in self.tallies.values())

    @property
    def planned_each(self) -> int:
        """Trials of one candidate: all have the same."""
        return self.planned // max(len(self.tallies), 1)

    def waiting(self) -> str:
        """Say what the run waits for; empty while it goes on."""
        now = self._clock()
        if self.done >= self.planned:
            return ""
        if self._paced is not None and now - self._paced[0] < SHOWN_S:
            return self._paced[1]
        silent = now - self._last
        return f"nothing ended for {silent:.0f} s" if silent >= SILENCE_S else ""

    def figures(self) -> list[str]:
        """Give how far, how fast, how long still, how much in flight, what it cost."""
        now, done = self._clock(), self.done
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_S:
            self._samples.popleft()
        at, before = self._samples[0]
        if now - at < 1.0:  # too short to tell: since the start
            at, before = self._started, self.done_before
        rate = (done - before) / max(now - at, 1e-9)
        parts = [f"{done:,}/{self.planned:,} ({done / max(self.planned, 1):.0%})", f"{rate:,.1f}/s"]
        if rate and done < self.planned:
            parts.append(f"{clock_text((self.planned - done) / rate)} left")
        if self.in_flight and done < self.planned:
            parts.append(f"{self.in_flight:,} in flight" + (f" (limit {self.limit:,})" if self.limit else ""))
        return [*parts, *self._money(), *filter(None, [self.near()])]

    def line(self) -> str:
        """Give all of it on one line, for where there is no terminal."""
        shown = list(self.tallies.items())
        each = [tally.accuracy_text() or "nothing yet" for _, tally in shown[:3]]
        if len(shown) > 1:
            each = [f"{name} {text}" for (name, _), text in zip(shown, each, strict=False)]
        p95 = [shown[0][1].p95_text()] if len(shown) == 1 else []
        return "  ".join(text for text in (*self.figures(), self._trouble(), *each, *p95, self.waiting()) if text)

    def finished(self) -> str:
        """Give the line that stays once the run is over."""
        took = self._clock() - self._started
        fresh = self.done - self.done_before
        done = f"{self.done:,}/{self.planned:,} trials"
        speed = f"{done} in {clock_text(took)} ({fresh / max(took, 1e-9):,.1f}/s)"
        return ", ".join(text for text in (speed, self._trouble(), *self._money()) if text)

    def _trouble(self) -> str:
        ended: Counter[str] = sum((tally.outcomes for tally in self.tallies.values()), Counter())
        return told_trouble(ended, sum(tally.retries for tally in self.tallies.values()))

    def _money(self) -> list[str]:
        from harness.judge import money

        spent: dict[str, float] = {}
        for tally in self.tallies.values():
            spent[tally.currency] = spent.get(tally.currency, 0.0) + tally.money
        return [f"{money(amount, currency)} spent" for currency, amount in spent.items() if amount]


def clock_text(seconds: float) -> str:
    """Give `1:05` or `2:03:07`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _of_record(record: Record) -> str:
    where = f"{record.candidate}, case {record.case}, {record.variant}, repeat {record.repeat}"
    tries = "; ".join(
        f"{a.failure.kind}{f' {a.status}' if a.status else ''}" for a in record.attempts if a.failure is not None
    )
    if isinstance(record.outcome, Failure):
        return f"failed: {where}: {record.outcome.kind}: {record.outcome.message}"
    return f"retried: {where}: {tries}; then answered"
