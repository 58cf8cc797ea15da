"""A misbehaving endpoint: each trial ends once, by its name, with its requests counted at the server."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from measured import records, spam, write_project
from scripted import Answer, Request, Script, ScriptedServer, chat_reply

from harness.files.bundle import load_bundle
from harness.judge.assess import assess_run
from harness.measure.endpoint.transports.transport import BODY_CAP
from harness.measure.run import measure
from harness.record import Failure, Record, Reply

Serve = Callable[[Script], ScriptedServer]
ATTEMPTS = 2


def error_body(**error: str) -> Answer:
    return Answer.of_json({"error": error})


BOMB = gzip.compress(b"0" * (2 * BODY_CAP), 1)  # made beforehand: the server answers others meanwhile


def bomb() -> Answer:
    return Answer(body=BOMB, headers={"content-encoding": "gzip"})


# what the endpoint does to one case, every time: the failure's kind, and how often it may be asked
FAULTS: dict[str, tuple[Callable[[], Answer], str, int]] = {
    "a 200 with an error object": (lambda: error_body(message="overloaded"), "error_in_body", ATTEMPTS),
    "a 200 of MiniMax with too many calls": (
        lambda: Answer.of_json({"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}),
        "rate_limited",
        ATTEMPTS,
    ),
    "a 200 of MiniMax with bad parameters": (
        lambda: Answer.of_json({"choices": None, "base_resp": {"status_code": 2013, "status_msg": "invalid params"}}),
        "bad_request",
        1,
    ),
    "no choices": (lambda: Answer.of_json({"choices": []}), "invalid_reply", ATTEMPTS),
    "null choices": (lambda: Answer.of_json({"choices": None}), "invalid_reply", ATTEMPTS),
    "a null message": (lambda: Answer.of_json({"choices": [{"message": None}]}), "invalid_reply", ATTEMPTS),
    "an HTML page": (lambda: Answer(body=b"<html>sorry</html>"), "invalid_reply", ATTEMPTS),
    "half of a JSON body": (
        lambda: Answer(body=json.dumps(chat_reply("spam")).encode()[:40]),
        "invalid_reply",
        ATTEMPTS,
    ),
    "no UTF-8": (lambda: Answer(body=b'{"choices": "\xff\xfe"}'), "invalid_reply", ATTEMPTS),
    "deep nesting": (lambda: Answer(body=b"[" * 200_000), "invalid_reply", ATTEMPTS),
    "a body that trickles": (lambda: Answer(pieces=[b"{", *[0.2, b" "] * 20]), "timeout", ATTEMPTS),
    "a body cut in the middle": (lambda: Answer(body=b"{}", length=900, cut=True), "network", ATTEMPTS),
    "a closed connection": (lambda: Answer(raw=b""), "network", ATTEMPTS),
    "a bomb of zeros": (bomb, "too_large", 1),
    "a redirect elsewhere": (lambda: Answer(status=307, headers={"location": "http://127.0.0.1:9/"}), "redirect", 1),
    "500": (lambda: Answer(status=500, body=b"oops"), "server_error", ATTEMPTS),
    "529": (lambda: Answer(status=529, body=b"{}"), "server_error", ATTEMPTS),
    "422": (lambda: Answer.of_json({"detail": "no"}, status=422), "bad_request", 1),
    "429": (lambda: Answer(status=429, headers={"retry-after-ms": "5"}), "rate_limited", ATTEMPTS),
}

STREAM_FAULTS: dict[str, tuple[Callable[[], Answer], str, int]] = {
    "cut in the middle": (
        lambda: Answer.of_events(b'data: {"choices":[{"delta":{"content":"sp"}}]}\n\n', cut=True),
        "stream_cut",
        ATTEMPTS,
    ),
    "a clean end without a finish": (
        lambda: Answer.of_events(b'data: {"choices":[{"delta":{"content":"spam"}}]}\n\n'),
        "stream_cut",
        ATTEMPTS,
    ),
    "a bad chunk": (
        lambda: Answer.of_events(
            b'data: {"choices":[{"delta":{"content":"sp"}}]}\n\n', b"data: {oops\n\n", b"data: [DONE]\n\n"
        ),
        "invalid_reply",
        ATTEMPTS,
    ),
    "an error in the stream": (
        lambda: Answer.of_events(b'data: {"error":{"message":"overloaded"}}\n\n'),
        "error_in_body",
        ATTEMPTS,
    ),
    "an error without a key for it": (
        lambda: Answer.of_events(b'data: {"code":11202,"message":"AppIdQpsOverFlowError","sid":"c"}\n\n'),
        "rate_limited",
        ATTEMPTS,
    ),
    "a stall": (
        lambda: Answer.of_events(b'data: {"choices":[{"delta":{"content":"sp"}}]}\n\n', 9.0),
        "timeout",
        ATTEMPTS,
    ),
}
GOOD_STREAM = (b'data: {"choices":[{"delta":{"content":"spam"},"finish_reason":"stop"}]}\n\n', b"data: [DONE]\n\n")


def case_of(request: Request) -> str:
    found = re.search(rb"no\. (\d+)", request.body)
    assert found is not None
    return found[1].decode()


def measured(
    root: Path, serve: Serve, faults: dict[str, tuple[Callable[[], Answer], str, int]], *, stream: bool
) -> tuple[Path, dict[str, Record], Counter[str]]:
    """Run 80 cases, of which the first have one fault each."""
    answers = {str(place): make for place, (make, _, _) in enumerate(faults.values())}
    good = Answer.of_events(*GOOD_STREAM) if stream else spam()

    def script(request: Request) -> Answer:
        make = answers.get(case_of(request))
        return good if make is None else make()

    server = serve(script)
    limits = {"concurrency": 16, "attempts": ATTEMPTS}
    suite = write_project(root, server.url, cases=80, limits=limits, timeout="1.5 s", stream=stream)
    run = measure(load_bundle(suite), root / "results")
    return run, {record.case: record for record in records(run)}, Counter(map(case_of, server.requests))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_every_fault_ends_its_own_trial_by_its_name_and_costs_the_stated_requests(
    tmp_path: Path, scripted_server: Serve, record_property: Callable[[str, object], None], stream: bool
) -> None:
    faults = STREAM_FAULTS if stream else FAULTS
    run, trials, requests = measured(tmp_path, scripted_server, faults, stream=stream)
    assert len(trials) == 80
    seen = {}
    for place, name in enumerate(faults):
        outcome = trials[str(place)].outcome
        kind = outcome.kind if isinstance(outcome, Failure) else outcome.text
        seen[name] = (kind, len(trials[str(place)].attempts), requests[str(place)])
    assert seen == {name: (kind, sent, sent) for name, (_, kind, sent) in faults.items()}
    record_property("requests", requests.total())
    record_property("faults", sum(requests[str(place)] for place in range(len(faults))))
    well = [str(place) for place in range(len(faults), 80)]
    assert all(isinstance(trials[case].outcome, Reply) for case in well)
    assert {requests[case] for case in well} == {1}
    candidate = assess_run(run).candidates[0]
    assert candidate.outcomes["failed"] == len(faults)
    assert sum(candidate.outcomes.values()) == candidate.trials == 80
