"""The types on the bridge between measuring and judging.

A `Trial` is one decision wanted; a `Record` is what became of it. Every duration is an integer number of
nanoseconds from a monotonic clock, so that the parts of a trial sum exactly to its total:

    total = queue + sum over attempts of (backoff + rate_limit + duration) + own

`queue` is the wait for a free place (concurrency), `own` is the harness's work: rendering and encoding before the
first byte, scheduling and decoding after the last. Only `started_utc` comes from the wall clock: it orders trials.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

ORIGINAL = "original"

FailureKind: TypeAlias = Literal[
    "connect",  # no connection: refused, DNS
    "proxy",  # no connection through the proxy that the environment names
    "tls",  # no safe connection: a certificate that is not to be trusted, or no TLS there
    "network",  # the connection broke
    "timeout",  # the attempt's deadline passed
    "deadline",  # the trial's deadline passed, retries included
    "rate_limited",  # 429
    "server_error",  # 5xx, 408, 409, 425
    "bad_request",  # 400, 404 of a path, 413, 422: this request will never work
    "unauthorized",  # 401, 403
    "unknown_model",  # the endpoint does not serve this model
    "quota",  # paid quota exhausted
    "redirect",  # 3xx: not followed, a key must not leave its origin
    "error_in_body",  # 200 with an error object
    "invalid_reply",  # 200 whose body is not what the protocol promises
    "too_large",  # body beyond the size cap
    "stream_cut",  # a stream that ended before it was complete
    "stream_stalled",  # a stream that stopped sending
    "render",  # the template failed on this case
    "no_recorded_reply",  # replay has no line for this trial
    "circuit_open",  # not sent: the endpoint was hopeless
]

Variant: TypeAlias = str

# How an answer is bought: at once, in a batch or at a slower tier (both cheaper), or from a file of answers.
Via: TypeAlias = Literal["sync", "batch", "flex", "file"]

# As they are read: a number that no run could have written is refused where a file holds it.
Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
Tokens: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Trial(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Case x candidate x variant x repeat: one decision wanted.

    `key` is a digest of everything that the reply may depend on: prompt content, model entry (origin,
    id, parameters), case inputs, variant and repeat. Two trials with one key are the same trial.
    """

    key: str
    case: str
    candidate: str
    variant: Variant = ORIGINAL
    repeat: Whole = 0


class Planned(msgspec.Struct, frozen=True, gc=False):
    """A trial with the inputs that its prompt is rendered with."""

    trial: Trial
    inputs: dict[str, str]


class Usage(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Tokens as the endpoint counted them; None where it did not say."""

    input: Tokens | None = None  # tokens of the prompt
    output: Tokens | None = None  # tokens of the reply, thinking included
    cached: Tokens | None = None  # part of `input` that was served from the endpoint's cache
    cache_write: Tokens | None = None  # part of `input` that the endpoint's cache took in
    reasoning: Tokens | None = None  # part of `output` that was spent on thinking
    tier: str | None = None  # service tier that it is paid at, in lower case: as the endpoint said, or `batch`


class TokenLogprob(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One generated token with its natural-log probability and the alternatives at its place."""

    token: str  # its text
    logprob: float  # natural logarithm of its probability
    top: tuple[tuple[str, float], ...] = ()  # likeliest tokens at its place, with theirs


class ToolCall(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A call that a model asked for instead of answering: its name, and its arguments as JSON text."""

    name: str  # of the tool
    arguments: str  # JSON text


class Reply(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="reply"):
    """A complete reply, whatever it says; the judge decides which label it is."""

    text: str  # what the model answered
    finish_reason: str | None = None  # as `endings` has it; a word that it does not know as it came
    refusal: str | None = None  # the text by which it refused; null else
    usage: Usage = Usage()  # tokens
    score: float | None = None  # of the positive label, when the endpoint gives one
    logprobs: tuple[TokenLogprob, ...] = ()  # of the tokens of the text
    served_model: str | None = None  # the model that answered; null where not said
    fingerprint: str | None = None  # of its configuration; null where not said
    request_id: str | None = None  # of the provider; null where not said
    server_ns: Whole | None = None  # processing time that the server itself reports
    tools: tuple[ToolCall, ...] = ()  # calls that it asked for instead of answering
    reasoning: str | None = None  # what the endpoint gave as thoughts, apart from the text; cut when long
    odd: tuple[str, ...] = ()  # fields that only keep books and could not be read: they count as not known


class Failure(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="failure"):
    """Why a trial ended without a reply."""

    kind: FailureKind  # what went wrong
    message: str  # the endpoint's own words, or ours
    status: Whole | None = None  # of HTTP; null where there was none


class Attempt(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One HTTP exchange. Offsets count from the start of this attempt; None when it did not get so far."""

    duration_ns: Whole  # start -> last byte, or -> the error
    backoff_ns: Whole = 0  # waited before this attempt because the last one failed
    rate_limit_ns: Whole = 0  # waited before this attempt for requests/min or tokens/min
    connect_ns: Whole | None = None  # of the time before it was written, opening a connection; None: none told
    written_ns: Whole | None = None  # the request had been written; None where the client does not tell
    first_byte_ns: Whole | None = None  # when the first byte of the reply came
    first_token_ns: Whole | None = None  # streamed replies only
    tokens_ns: tuple[Whole, ...] = ()  # arrival of each content chunk, streamed replies only
    status: Whole | None = None  # of HTTP; null where there was none
    failure: Failure | None = None  # why there is no reply; null where there is one
    retry_after_ns: Whole | None = None  # what the endpoint asked for
    remaining_requests: Whole | None = None  # of the quota, as its headers said
    remaining_tokens: Whole | None = None  # that the provider said are left


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="trial"):
    """What became of one trial: exactly one for each planned trial at the end of a run."""

    key: str  # digest of the trial
    case: str  # id of the case
    candidate: str  # prompt@model
    variant: Variant = ORIGINAL  # original or a perturbation
    repeat: Annotated[int, msgspec.Meta(ge=0, lt=32_768)] = 0  # from 0
    outcome: Reply | Failure  # reply or failure
    attempts: tuple[Attempt, ...] = ()  # HTTP exchanges, in order
    queue_ns: Whole = 0  # waited for a free slot, nanoseconds
    own_ns: Whole = 0  # our own work on it, nanoseconds
    started_utc: str = ""  # ISO 8601 with microseconds, when the trial was admitted
    in_flight: Whole = 0  # calls in flight when it was admitted, this one included
    recorded: bool = False  # replayed: latency was measured elsewhere, or not at all
    warmup: bool = False  # listed, never counted
    via: Via = "sync"  # no clock was held beside what came in a batch or from a file: it has no attempts

    @property
    def total_ns(self) -> int:
        """Intended start -> done; the exact sum of the parts."""
        waits = sum(a.backoff_ns + a.rate_limit_ns + a.duration_ns for a in self.attempts)
        return self.queue_ns + waits + self.own_ns


def is_timed(record: Record) -> bool:
    """Tell whether a clock was held beside it that says what production would wait.

    None was where it was never sent, nor where it was recorded without a latency: a replies file that says nothing of
    one leaves attempts without a duration, and no call takes no time. A batch's answer and one that a slower tier
    served tell of that tier alone.
    """
    slower = record.via != "sync" or (isinstance(record.outcome, Reply) and record.outcome.usage.tier == "flex")
    measured = bool(record.attempts) and not record.recorded
    return not slower and (measured or any(attempt.duration_ns for attempt in record.attempts))


def caller_ns(record: Record) -> int | None:
    """First send -> done with retries and backoff, as a production caller feels it; None if not timed.

    Excludes queue wait and the rate-limit waits: those are the harness's own pacing.
    """
    return sum(a.backoff_ns + a.duration_ns for a in record.attempts) if is_timed(record) else None


def service_ns(record: Record) -> int | None:
    """Request written -> last byte of the final attempt; None if that attempt failed or was not timed."""
    if not is_timed(record) or (last := record.attempts[-1]).failure is not None:
        return None
    return last.duration_ns - (last.written_ns or 0)


class CaseRow(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="case"):
    """A case as it was when the run began, so that a run can be judged years later without its suite."""

    id: str  # of the case
    digest: str  # of its content
    expected: str  # the right label
    split: str = ""  # such as dev or holdout; empty where none
    tags: tuple[str, ...] = ()  # for slices
    inputs: dict[str, str] = {}  # of the template
    variants: dict[str, str] = {}  # what the suite's own perturbations made of its longest input


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="session"):
    """One process that worked on the run: the first, and one for each resume."""

    at_utc: str  # when, ISO 8601
    event: Literal["started", "resumed", "finished", "stopped"]  # what the process did
    pid: Whole = 0  # of the process
    planned: Whole = 0  # trials of the whole run
    done_before: Whole = 0  # trials already journalled when this session began
    why: str = ""  # for `stopped`: signal, storage, endpoint
    cut_off: Whole = 0  # calls in flight, at most, when this (for `resumed`: the last) session was cut off
    workers_lost: Whole = 0  # of a cluster, whose calls in flight `cut_off` counts, too
    dealt_again: Whole = 0  # trials that they had, and that went to others


class Pace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="pace"):
    """The concurrency limit changed, or dispatch paused, and why."""

    at_ns: Whole  # monotonic, from the start of this session
    endpoint: str  # whose limit it is
    limit: Whole  # calls that may be in flight from now on
    in_flight: Whole  # calls that were
    why: str  # the reason in words
    most: Whole = 0  # what the limit may grow to


class Refused(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="refused"):
    """A candidate ended because nothing that it sends is answered; what it was not asked can be resumed."""

    at_utc: str  # when, ISO 8601
    candidate: str  # prompt@model
    failure: Failure  # in the endpoint's words
    case: str = ""  # one that met it
    calls: Whole = 0  # trials that met it, one after the other
    where: str = ""  # file and line of what to change
    fix: str = ""  # what to do, one sentence
    advice: str = ""  # `fix` with the place in it


class Stopped(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="settled"):
    """A candidate's verdict was settled before all of its cases were asked; the rest is not asked."""

    at_utc: str  # when, ISO 8601
    candidate: str  # prompt@model
    asked: Whole  # cases, of the beginning of the asked order that was finished
    of: Whole  # cases of the suite
    ready: bool  # settled READY; else it can't be READY any more
    delta: float  # in how many of all orders this may not be the whole suite's verdict
    statuses: dict[str, str] = {}  # by the text of a threshold: PASS, FAIL, can't pass, open
    beside: str = ""  # the other side of a comparison that was settled: the baseline, or who was held against it


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="batch"):
    """Trials that are bought together, at each step of that: `begun` is journalled before anything is sent."""

    at_utc: str  # when, ISO 8601
    id: str  # each line's custom_id is this, `-`, and one of `trials`
    step: Literal["begun", "sent", "read", "ended"]  # `read`: some of it, from a file
    model: str  # of harness.yml
    via: Via = "batch"  # how it is bought
    trials: tuple[str, ...] = ()  # of `begun`: keys; those of cases alike are numbered
    digest: str = ""  # of `begun`: SHA-256 of the lines
    name: str = ""  # of `sent`: the provider's id, or the file's name
    why: str = ""  # it ended without an answer to every line
    refused: tuple[str, ...] = ()  # of lines that came twice, or that nobody asked for; the first of many


class Waiting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="waiting"):
    """How much of what was bought is ready, as its provider said last."""

    since_utc: str  # when the first of it was sent, ISO 8601
    ready: Whole  # answers that are there
    of: Whole  # answers that were bought

    def __str__(self) -> str:
        return f"waiting for a batch since {self.since_utc[11:16]} UTC, {self.ready:,} of {self.of:,} ready"


class Interference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="interference"):
    """The harness's own load over one session: what it could have added to the latencies."""

    lag_p50_ns: Whole  # event-loop lag, sampled every 10 ms
    lag_p99_ns: Whole  # 99th percentile of the delay of the loop, nanoseconds
    lag_max_ns: Whole  # its maximum, nanoseconds
    cpu_share: float  # CPU seconds per wall second of a process: 1.0 is one core
    samples: Whole  # delays that were measured
    processes: Whole = 1  # that sent calls
    max_in_flight: Whole = 0  # most calls at once
    gc_pauses: Whole = 0  # pauses of the garbage collector
    others_share: float | None = None  # of the machine's cores, that other programs took; null where not known
    node: str = ""  # of a cluster; empty: all processes together
    clock_ns: int = 0  # that its time of day was ahead of the driver's


Event: TypeAlias = CaseRow | Session | Pace | Refused | Stopped | Batch | Waiting | Interference | Record
