"""The first calls of a candidate: whether it is answered at all, found out before the rest is sent.

Until a candidate has one reply, at most five of its calls are out. When five trials, warm-up included, were
all refused alike with something that no retry can mend, the candidate ends: what follows would be refused
too. One reply or two different refusals open it; so does what may pass, once the first five have ended (an
outage is the breaker's affair): no other call is sent before.

What is refused is held meanwhile. When the candidate ends, it leaves no record and can be resumed; when it is
opened, it is final, but for trials that were not sent again because their refusal looked like all others (a
portal's page instead of a reply): these are.

Of several processes the first leads: the others send nothing before they are told what it found.
"""

import asyncio
import re
from collections.abc import Callable

import msgspec

from harness.record import Failure, FailureKind, Planned, Record, Reply

FIRST = 5

# What the same request meets again, however often it is sent; and a proxy that lets nobody through: before the
# first reply that is how it is set up, later it is its passing trouble.
LASTING: frozenset[FailureKind] = frozenset(
    {
        "bad_request",
        "redirect",
        "proxy",
        "tls",
        "too_large",
        "error_in_body",
        "invalid_reply",
        "no_recorded_reply",
        "unauthorized",
        "unknown_model",
        "quota",
    }
)
_VARYING = re.compile(r"[\w-]*\d[\w.-]*|\b[0-9a-f]{8,}\b")  # numbers, and ids with a digit in them
_COMPARED = 600  # characters of a message


class Decided(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became final, and what is to be sent (again)."""

    final: tuple[Record, ...] = ()
    again: tuple[Planned, ...] = ()
    ends: bool = False  # the candidate ends with this


class FirstCalls:
    """Lets a candidate's calls through, five at first. `state` is asking, open or ended."""

    def __init__(
        self,
        *,
        leads: bool = True,
        alone: bool = True,
        answered: bool = False,
        lasting: Callable[[], bool] = lambda: True,
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        self.state = "asking"
        self.first: Record | None = None  # the first refusal
        self.refusals = 0
        self._said = False  # that it ended
        self._leads = leads
        self._alone = alone  # no other process has calls of this candidate
        self._answered = answered  # earlier: then fewer than five refusals prove nothing
        self._lasting = lasting  # asked before a candidate ends: will the rest be refused as well?
        self._on_open = on_open
        self._out = 0
        self._passing = 0  # failures that a retry may mend
        self._before: dict[str, Record] = {}  # by key: what is sent again
        self._held: list[tuple[Planned, Record]] = []
        self._word = asyncio.Event()

    async def enter(self) -> bool:
        """Wait until this candidate may send another call; False when it has ended."""
        while self.state == "asking" and (not self._leads or self._out >= FIRST):
            self._word.clear()
            await self._word.wait()
        self._out += 1
        return self.state != "ended"

    def may_retry(self, failure: Failure) -> bool:
        """Whether a refusal is worth sending again now: not while it may be what everybody gets."""
        return self.state != "asking" or failure.kind not in LASTING

    @property
    def lets_by(self) -> bool:
        """Whether a reply is final as it came."""
        return self.state == "open" and not self._before

    def settle(self, planned: Planned, record: Record) -> Decided:
        """Take what came of a call."""
        if self.state != "asking":
            keep = self.state == "open" or isinstance(record.outcome, Reply)
            return Decided(final=(self._whole(record),) if keep else ())
        if isinstance(record.outcome, Failure) and record.outcome.kind == "render":
            self._out -= 1  # the prompt's own, and never sent
            self._word.set()
            return Decided(final=(record,))
        if not _lasts(record):
            self._passing += isinstance(record.outcome, Failure)
            waits = isinstance(record.outcome, Failure) and self._passing + self.refusals < FIRST
            return Decided(final=(record,)) if waits else self._opened((record,))
        self._held.append((planned, record))
        self.refusals += 1
        self.first = self.first or record
        over = self._passing + self.refusals >= FIRST
        if _signature(self.first) != _signature(record) or (over and self._passing):
            return self._opened()
        return self._decided() if over else Decided()

    def at_end(self) -> Decided:
        """Decide when nothing is left to send: fewer than five refusals count where nothing ever answered."""
        if self.state != "asking" or not self._leads:
            return Decided()
        if self.first is None or self._answered or not self._alone:
            return self._opened()
        return self._decided()

    def end(self) -> bool:
        """End the candidate; False when that was said before."""
        before, self._said = self._said, True
        self.told(opened=False)
        return not before

    def told(self, *, opened: bool) -> None:
        """Hear from the process that leads, or that the candidate's model ended."""
        if self.state != "ended":
            self.state = "open" if opened else "ended"
            self._word.set()

    def lead(self) -> None:
        """Find out itself: the process that led is gone."""
        self._leads = True
        self._word.set()

    def _decided(self) -> Decided:
        if not self._lasting():
            return self._opened()
        self.state = "ended"
        self._word.set()
        return Decided(final=tuple(record for _, record in self._held if record.warmup), ends=True)

    def _opened(self, last: tuple[Record, ...] = ()) -> Decided:
        self.state = "open"
        self._word.set()
        self._on_open()
        held, self._held = self._held, []
        final = tuple(record for _, record in held if record.warmup or not _cut_short(record))
        again = [(planned, record) for planned, record in held if not record.warmup and _cut_short(record)]
        self._before = {record.key: record for _, record in again}
        return Decided(final=(*final, *last), again=tuple(planned for planned, _ in again))

    def _whole(self, record: Record) -> Record:
        """Put the attempts that were made while asking before those of a trial that was sent again."""
        before = None if record.warmup else self._before.pop(record.key, None)
        if before is None:
            return record
        return msgspec.structs.replace(
            record,
            attempts=(*before.attempts, *record.attempts),
            queue_ns=before.queue_ns + record.queue_ns,
            own_ns=before.own_ns + record.own_ns,
            started_utc=before.started_utc,
        )


def _lasts(record: Record) -> bool:
    """Tell whether a call was refused with what any other would meet, as far as one can see."""
    failure = record.outcome
    if not isinstance(failure, Failure) or failure.kind not in LASTING:
        return False
    return not record.recorded or failure.kind == "no_recorded_reply"


def _cut_short(record: Record) -> bool:
    """Tell whether a trial would have been sent again, had the candidate been known to answer."""
    kind = record.outcome.kind if isinstance(record.outcome, Failure) else None
    return kind in {"invalid_reply", "error_in_body", "proxy"} and not record.recorded


def _signature(record: Record) -> tuple[str, int | None, str]:
    """Give what makes two refusals alike: kind, status, and the message without numbers and ids."""
    failure = record.outcome
    assert isinstance(failure, Failure)
    return failure.kind, failure.status, _VARYING.sub("#", failure.message[:_COMPARED])
