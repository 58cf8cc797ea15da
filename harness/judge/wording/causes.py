"""What went wrong, in words: the title of a kind, how many it met, and how a headline begins with it.

The endpoint's own words stand in quotes, on one line and cut, so that no reader takes them for ours. A
renderer makes them harmless for its medium, as it does with any text.
"""

from collections.abc import Sequence
from typing import NamedTuple

from harness.judge.documents.estimate import SettledEarly, Trouble
from harness.judge.wording.text import amount, count, listed, sentence, verb

CONFIRM = "Confirm the one that you would take on cases that played no part in the choice."
MOST_WORDS = 240  # characters of the endpoint's words in a sentence
_MOST_CAUSES = 2  # in a headline
_OWN = ("truncated", "empty", "refused", "unparseable")  # replies: the words about them are ours
_QUOTES = str.maketrans({"“": '"', "”": '"'})  # foreign words do not end their own quotation


class _Kind(NamedTuple):
    title: str
    happened: str  # `{n}`: 3 of 100 calls, or every call; `{was}`, `{message}`
    thing: str = "call"
    things: str = ""


_KINDS: dict[str, _Kind] = {
    "connect": _Kind("No connection", "the endpoint could not be reached by {n}"),
    "proxy": _Kind("No way through the proxy", "the proxy did not connect {n}"),
    "tls": _Kind("No safe connection", "no connection that is to be trusted could be made for {n}"),
    "network": _Kind("Broken connection", "the connection broke on {n}"),
    "timeout": _Kind("Timed out", "{n} timed out"),
    "deadline": _Kind("Out of time", "{n} ran out of time, retries included"),
    "rate_limited": _Kind("Rate limit", "the endpoint's rate limit stopped {n}"),
    "server_error": _Kind("Server error", "the endpoint failed {n}"),
    "bad_request": _Kind("Refused request", "the endpoint refused {n}"),
    "unauthorized": _Kind("Access denied", "the endpoint denied access to {n}"),
    "unknown_model": _Kind("Unknown model", "the endpoint answered {n} that it does not serve the model"),
    "quota": _Kind("Quota used up", "a quota of the provider stopped {n}"),
    "redirect": _Kind("Redirected", "the endpoint redirected {n}"),
    "error_in_body": _Kind("Error in the reply", "the endpoint answered {n} with an error"),
    "invalid_reply": _Kind("Not a reply", "the endpoint answered {n} with something else than a reply"),
    "too_large": _Kind("Too large", "the endpoint's answer to {n} was too large"),
    "stream_cut": _Kind("Broken stream", "the stream ended early on {n}"),
    "stream_stalled": _Kind("Stalled stream", "the stream stalled on {n}"),
    "render": _Kind("Failed template", "the prompt's template failed on {n}", "trial"),
    "no_recorded_reply": _Kind("Not recorded", "the recording has no reply to {n}", "trial"),
    "circuit_open": _Kind("Given up", "the endpoint was given up before {n}"),
    "truncated": _Kind("Cut off", "{n} {was} {message}", "reply", "replies"),
    "empty": _Kind("Empty", "{n} {was} empty", "reply", "replies"),
    "refused": _Kind("Refused to answer", "{n} {was} {message}", "reply", "replies"),
    "unparseable": _Kind("Unreadable", "no label was read from {n} ({message})", "reply", "replies"),
}


def title(kind: str) -> str:
    """Name a kind for people."""
    return _KINDS[kind].title if kind in _KINDS else kind


def how_many(row: Trouble) -> str:
    """Give `36 of 40 replies`, `every call`, or of a candidate that was ended early `5 calls`."""
    known = _KINDS.get(row.kind, _KINDS["server_error"])
    things = known.things or f"{known.thing}s"
    if row.share is None:
        return f"{row.count:,} {verb(row.count, known.thing, things)}"
    of = round(row.count / row.share)
    return f"every {known.thing}" if _is_every(row) else f"{row.count:,} of {count(of, known.thing, things)}"


def _is_every(row: Trouble) -> bool:
    return row.share is not None and row.count == round(row.count / row.share) > 1


def quoted(message: str) -> str:
    """Give the endpoint's own words as a quotation: one line, cut."""
    words = " ".join(message.translate(_QUOTES).split())
    return f"“{words if len(words) <= MOST_WORDS else words[: MOST_WORDS - 1] + '…'}”"


def advice(row: Trouble) -> str:
    """Give what to do as a sentence that names the place, such as `in prompts/v1.prompt.yml:4`."""
    return row.advice or row.fix


def cause(row: Trouble, *, advised: bool = True) -> str:
    """Say how many calls or replies went wrong, why, and what to do; one line that begins in lower case."""
    known = _KINDS.get(row.kind, _KINDS["server_error"])
    n = "every call" if row.share is None else how_many(row)
    was = verb(1 if row.share is None or _is_every(row) else row.count, "was", "were")
    said = known.happened.format(n=n, was=was, message=" ".join(row.message.split()))
    told = advice(row) if advised else ""
    if row.kind not in _OWN and row.message:
        ended = (".", "!", "?") if told else (".",)  # of the endpoint's words, where the sentence is theirs
        stop = "" if row.message.rstrip().endswith(ended) else "."
        return f"{said}: {quoted(row.message)}{stop} {told}".rstrip()
    return f"{said}: {told[0].lower()}{told[1:]}" if told else f"{said}."


def what_decides(rows: Sequence[Trouble], *, advised: bool = True) -> str:
    """Say what a verdict hangs on, the gravest first; empty where that is not among what went wrong.

    `advised` adds what to do, where no `NextStep` stands beside it.
    """
    deciding = [row for row in rows if row.decides]
    told = [cause(row, advised=advised) for row in deciding[:_MOST_CAUSES]]
    if rest := [title(row.kind).lower() for row in deciding[_MOST_CAUSES:]]:
        told.append(f"also: {listed(rest)}.")
    return " ".join([*told[:1], *map(sentence, told[1:])])


def settled(early: SettledEarly | None) -> str:
    """Give `settled after 231 of 400 cases; saved 507 calls, $0.41`; nothing where all cases were asked."""
    if early is None:
        return ""
    money = "" if early.saved is None else f", {amount(early.saved, 'money', early.currency)}"
    return f"settled after {early.asked:,} of {early.of:,} cases; saved {count(early.saved_calls, 'call')}{money}"
