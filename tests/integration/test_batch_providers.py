"""What providers of batches are known to do besides: no answer is lost by it, and none is paid for twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from batching import Batches
from bought import Bought, Serve
from scripted import Answer, Request

from harness.record import Reply

Usual: TypeAlias = Callable[[], Answer]
Odd: TypeAlias = Callable[[Request, Usual], Answer]


@dataclass
class Odds(Batches):
    """A provider of which some answers are others than usual."""

    odd: Odd = lambda _, usual: usual()

    def __call__(self, request: Request) -> Answer:
        usual = super().__call__
        return self.odd(request, lambda: usual(request))


def refused(status: int, message: str = "no", **headers: str) -> Answer:
    return Answer.of_json({"error": {"message": message}}, status=status, headers=headers)


def first_of(answers: Iterator[Answer], wanted: Callable[[Request], bool]) -> Odd:
    """Give these answers to the first such requests, and all others as usual."""
    return lambda request, usual: (next(answers, None) or usual()) if wanted(request) else usual()


def polls(request: Request) -> bool:
    return request.method == "GET" and "/batches/" in request.path


def uploads(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/files")


def creates(request: Request) -> bool:
    return request.method == "POST" and request.path.endswith("/batches")


def about_a_file(request: Request) -> bool:
    return request.method == "GET" and "/files/" in request.path and not request.path.endswith("/content")


def content(request: Request) -> bool:
    return request.path.endswith("/content")


def check_bought_once(bought: Bought) -> None:
    bought.check_whole()
    assert set(Counter(bought.provider.asked).values()) == {1}
    assert bought.provider.synchronous == 0


@pytest.mark.parametrize(
    "told",
    [
        {"request_counts": ["12"]},
        {"request_counts": None, "errors": "none", "error_file_id": ""},
        {"output_file_id": None},  # it has ended, and its file is not there yet
        {"error_file_id": "file-of-no-error"},  # made before there was an error, and never filled
        {"status": "COMPLETED"},
        {"status": "finalizing"},
    ],
)
def test_a_batch_that_is_told_oddly_is_read_whole_and_once(
    tmp_path: Path, scripted_server: Serve, told: dict[str, Any]
) -> None:
    left = [4]

    def odd(request: Request, usual: Usual) -> Answer:
        if "file-of-no-error" in request.path:
            return refused(404, "No such file")
        answer = usual()
        if polls(request) and left[0] and json.loads(answer.body)["status"] == "completed":
            left[0] -= 1
            return Answer.of_json(json.loads(answer.body) | told)
        return answer

    bought = Bought(tmp_path, scripted_server, Odds(odd=odd))
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    check_bought_once(bought)


def test_a_file_is_waited_for_until_its_provider_has_read_it(tmp_path: Path, scripted_server: Serve) -> None:
    state = {}

    def odd(request: Request, usual: Usual) -> Answer:
        if creates(request) and state[request.json()["input_file_id"]] != "processed":
            return refused(400, "The file is pending.")
        answer = usual()
        if uploads(request) or about_a_file(request):
            said = json.loads(answer.body)
            state[said["id"]] = "processed" if about_a_file(request) else "pending"
            return Answer.of_json(said | {"status": state[said["id"]]})
        return answer

    bought = Bought(tmp_path, scripted_server, Odds(odd=odd))
    assert bought.run().returncode in {0, 3}
    check_bought_once(bought)


@pytest.mark.parametrize("answer", [Answer(status=302, headers={"location": "https://login.test/"}), refused(400)])
def test_a_question_that_another_than_the_provider_answers_loses_no_batch(
    tmp_path: Path, scripted_server: Serve, answer: Answer
) -> None:
    bought = Bought(tmp_path, scripted_server, Odds(odd=first_of(iter([answer]), polls)))
    assert bought.run().returncode == 4
    assert bought.resume().returncode in {0, 3}
    check_bought_once(bought)


@pytest.mark.parametrize("anthropic", [False, True], ids=["openai", "anthropic"])
@pytest.mark.parametrize("lost", [False, True])
def test_what_this_key_does_not_see_at_its_provider_is_bought_again_only_when_a_person_says_so(
    tmp_path: Path, scripted_server: Serve, lost: bool, anthropic: bool
) -> None:
    unseen = iter([refused(404, "No batch found.")] * (3 if lost else 1))
    odd = first_of(unseen, lambda request: polls(request) and provider.made[0].id in request.path)
    provider = Odds(odd=odd, anthropic=anthropic)
    bought = Bought(tmp_path, scripted_server, provider)
    for command in (bought.run, bought.resume)[: 2 if lost else 1]:
        done = command()
        assert (done.returncode, "with the key that bought it" in done.stderr) == (4, True), done.stderr
        assert len(provider.made) == 2
    done = bought.resume("--retry", "lost") if lost else bought.resume()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert [len(made.lines) for made in provider.made] == [12, 12, 12][: 3 if lost else 2]


@pytest.mark.parametrize("anthropic", [False, True], ids=["openai", "anthropic"])
def test_what_is_too_large_is_sent_in_smaller_batches(tmp_path: Path, scripted_server: Serve, anthropic: bool) -> None:
    def odd(request: Request, usual: Usual) -> Answer:
        return refused(413, "too large") if request.body.count(b'"custom_id"') > 5 else usual()

    bought = Bought(tmp_path, scripted_server, Odds(odd=odd, anthropic=anthropic))
    assert bought.run().returncode in {0, 3}
    check_bought_once(bought)
    assert [len(made.lines) for made in bought.provider.made] == [3] * 8


def test_a_provider_that_takes_no_further_batch_now_is_sent_it_once_others_have_ended(
    tmp_path: Path, scripted_server: Serve
) -> None:
    def odd(request: Request, usual: Usual) -> Answer:
        out = any(made.id not in provider.answered for made in provider.made)
        return refused(429, "one at a time", **{"retry-after": "0"}) if creates(request) and out else usual()

    provider = Odds(odd=odd, busy=1)
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    check_bought_once(bought)


def test_what_a_batch_answered_before_it_failed_counts(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Odds()
    provider.results.append(lambda lines: lines[:7])

    def odd(request: Request, usual: Usual) -> Answer:
        answer = usual()
        if not polls(request) or not request.path.endswith("batch_0"):
            return answer
        said = json.loads(answer.body)
        died = {"status": "failed", "errors": {"data": [{"code": "server_error", "message": "a worker died"}]}}
        return Answer.of_json(said | died if said["status"] == "completed" else said)

    provider.odd = odd
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert done.returncode in {0, 3}, done.stderr
    bought.check_whole()
    assert [len(made.lines) for made in provider.made] == [12, 12, 5]


def test_a_batch_that_was_cancelled_too_late_is_whole(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.statuses.append(("cancelled", []))
    bought = Bought(tmp_path, scripted_server, provider)
    assert bought.run().returncode in {0, 3}
    check_bought_once(bought)


def test_a_batch_is_not_bought_again_while_its_file_can_not_be_asked_for(
    tmp_path: Path, scripted_server: Serve
) -> None:
    provider = Odds(keeps_metadata=False, odd=first_of(iter([Answer(status=503)]), about_a_file))
    provider.lost.append(Answer(status=502, headers={"retry-after": "0"}))
    bought = Bought(tmp_path, scripted_server, provider)
    assert bought.run().returncode in {0, 3}
    check_bought_once(bought)


def test_no_key_follows_results_to_another_address_and_a_download_of_them_is_read(
    tmp_path: Path, scripted_server: Serve
) -> None:
    bucket = scripted_server(lambda _: Answer(body=b"".join(provider.answered.values())))
    elsewhere = Answer(status=302, headers={"location": f"{bucket.url}/signed"})
    provider = Odds(odd=first_of(iter([elsewhere] * 12), content))
    bought = Bought(tmp_path, scripted_server, provider)
    done = bought.run()
    assert (done.returncode, "--results FILE` reads them" in done.stderr) == (4, True), done.stderr
    assert not bucket.requests
    for made in provider.made:
        provider._about(made)
    (tmp_path / "downloaded.jsonl").write_bytes(b"".join(provider.answered.values()))
    assert bought.resume("--results", "downloaded.jsonl").returncode in {0, 3}
    check_bought_once(bought)


def test_what_was_not_taken_is_asked_at_once_by_no_retry(tmp_path: Path, scripted_server: Serve) -> None:
    provider = Batches()
    provider.statuses.extend([("failed", [{"code": "token_limit_exceeded", "message": "too much waits"}])] * 2)
    bought = Bought(tmp_path, scripted_server, provider)
    assert bought.run("--retry", "sync").returncode in {0, 3}
    bought.check_whole()
    assert provider.synchronous == 0


def test_who_takes_no_batches_this_way_is_told_of_another(tmp_path: Path, scripted_server: Serve) -> None:
    page = Answer(status=404, body=b"<html><title>Error 404 (Not Found)</title></html>")
    bought = Bought(tmp_path, scripted_server, Odds(odd=first_of(iter([page] * 9), uploads)))
    done = bought.run()
    assert (done.returncode, "take --via file" in done.stderr) == (5, True), done.stderr
    assert bought.resume("--via", "file").returncode == 2
    assert bought.run("--via", "file").returncode == 4


def test_a_batch_of_nothing_but_errors_is_read_from_its_one_file(tmp_path: Path, scripted_server: Serve) -> None:
    def odd(request: Request, usual: Usual) -> Answer:
        said = json.loads(usual().body) if polls(request) else {}
        errors = {"error_file_id": said.get("output_file_id"), "output_file_id": None}
        counts = {"total": 12, "completed": 0, "failed": 12}
        return Answer.of_json(said | errors | {"request_counts": counts}) if said else usual()

    filtered = {"error": {"code": "content_filter", "message": "The prompt was filtered."}}
    provider = Odds(odd=odd)
    provider.results.append(
        lambda lines: [{**line, "response": {"status_code": 400, "body": filtered}} for line in lines]
    )
    bought = Bought(tmp_path, scripted_server, provider)
    bought.run()
    assert bought.report["candidates"][0]["outcomes"]["refused"] == 12
    assert len(provider.made) == 2
    assert all(isinstance(record.outcome, Reply) for record in bought.records)
