"""Where a person is sent to change something: to the line that decides what is sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.files.bundle import load_bundle
from harness.files.mending import Mend, more_output, what_to_change
from harness.measure.endpoint.failure_map import from_status
from harness.record import Failure, FailureKind

PROMPT = "modelParameters:\n  max_tokens: 8\n  temperature: 0\nmessages:\n  - {role: user, content: '{{ message }}'}\n"
MINI = "models:\n  mini:\n    endpoint: chat\n    base_url: https://api.example.com/v1\n    model: m\n"


@pytest.mark.parametrize(
    ("via", "where"), [("    via: flex\n", "harness.yml:6"), ("", "harness.yml:2")], ids=["in the file", "typed"]
)
def test_a_tier_that_is_not_sold_is_mended_where_it_was_asked_for(
    project: Callable[..., Path], via: str, where: str
) -> None:
    suite = project({"prompts/v1.prompt.yml": PROMPT, "harness.yml": MINI + via})
    (candidate,) = load_bundle(suite, models=["mini"]).bought("flex").candidates
    said = {"message": "Invalid service_tier argument: not allowed for this project.", "param": "service_tier"}
    mend = what_to_change(from_status(400, json.dumps({"error": said}).encode()), candidate.places)
    assert mend == Mend(where, "Ask at once instead of at the tier flex, or have the provider allow it")


@pytest.mark.parametrize(
    ("adapt", "limit", "temperature"),
    [
        ("", Mend("prompts/v1.prompt.yml:2", "Raise `max_tokens`", there=True), "prompts/v1.prompt.yml:3"),
        (
            "    adapt:\n      override:\n        max_completion_tokens: 9\n      drop: [temperature]\n",
            Mend("harness.yml:8", "Raise `max_completion_tokens`", there=True),
            "harness.yml:2",
        ),
        (
            "    adapt: {override: {temperature: 1, maxTokens: 9}}\n",
            Mend("harness.yml:6", "Raise `maxTokens`", there=True),
            "harness.yml:6",
        ),
    ],
)
def test_a_parameter_is_changed_where_it_wins(
    project: Callable[..., Path], adapt: str, limit: Mend, temperature: str
) -> None:
    suite = project({"prompts/v1.prompt.yml": PROMPT, "harness.yml": MINI + adapt})
    (candidate,) = load_bundle(suite, models=["mini"]).candidates
    assert more_output(candidate.places) == limit
    refused = Failure(kind="bad_request", message="Unsupported value: 'temperature' does not support 0.", status=400)
    assert what_to_change(refused, candidate.places).where == temperature


PLACES = {
    "entry": "harness.yml:2",
    "base_url": "harness.yml:4",
    "model": "harness.yml:5",
    "api_key_env": "harness.yml:6",
}
ADMIT = "Have the endpoint admit this machine's network, or correct `base_url` in harness.yml:4."
SERVED = "Call from a country that the provider serves, or correct `base_url` in harness.yml:4."
ACCESS = "Ask the provider for access to this model, or correct `model` in harness.yml:5."
PAY = "Raise the quota or pay the bill at the provider, then resume."
ENABLE = "Enable the service for this account, as the endpoint says."
OWN_KEY = "Check the variable KEY and what its key may do (harness.yml:6)."


@pytest.mark.parametrize(
    "words",
    [
        "batch_expired: it was not asked within the batch's time",
        "This request could not be executed before the completion window expired.",
        "the batch has no line for it",
    ],
)
def test_what_a_batch_did_not_come_to_is_sent_again_and_no_fault_of_the_address(words: str) -> None:
    mend = what_to_change(Failure(kind="error_in_body", message=words, status=200), PLACES)
    assert mend == Mend("", "When the endpoint is well, `harness resume RUN --failed` sends just these again")


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (403, "Country, region, or territory not supported", SERVED),
        (400, "User location is not supported for the API use.", SERVED),
        (451, "This model is not available in your region.", SERVED),
        (403, "This API method requires billing to be enabled.", PAY),
        (403, "Your newly created team doesn't have any credits or licenses yet. You can purchase those", PAY),
        (403, "Key limit exceeded (total limit). Manage it using the provider's page", PAY),
        (403, "Project `p` does not have access to model `m`", ACCESS),
        (403, "You don't have access to the model with the specified model ID.", ACCESS),
        (404, "Your organization must be verified to use the model `m`.", ACCESS),
        (403, "Access denied. Please check your network settings.", ADMIT),
        (403, "Access denied due to Virtual Network/Firewall rules.", ADMIT),
        (401, "Your IP is not authorized to use this project.", ADMIT),
        (403, "Attention Required! | Cloudflare: Sorry, you have been blocked", ADMIT),
        (403, "Generative Language API has not been used in project 1 before or it is disabled.", ENABLE),
        (403, "Your API key does not have permission to use the specified resource.", OWN_KEY),
        (
            401,
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
            "for an active subscription and use a correct regional API endpoint for your resource.",
            OWN_KEY,
        ),
        (400, "API key not valid. Please pass a valid API key.", OWN_KEY),
        (403, "Forbidden", OWN_KEY),
    ],
)
def test_a_call_that_is_not_let_through_is_blamed_on_the_key_only_where_it_may_be_the_key(
    status: int, words: str, advice: str
) -> None:
    body = json.dumps({"error": {"message": words}}).encode()
    assert what_to_change(from_status(status, body), PLACES, "KEY").advice == advice


@pytest.mark.parametrize("kind", ["timeout", "server_error", "unauthorized", "quota", "rate_limited", "invalid_reply"])
def test_what_was_recorded_as_failed_is_recorded_again(kind: FailureKind) -> None:
    places = {"entry": "harness.yml:2", "replies": "harness.yml:4"}
    made = what_to_change(Failure(kind=kind, message="recorded failure"), places)
    assert made.advice == "Record these trials again, or correct `replies` in harness.yml:4."


def test_a_pointer_that_finds_nothing_is_corrected_where_it_is_written() -> None:
    places = {"entry": "harness.yml:2", "url": "harness.yml:3", "reply": "harness.yml:4"}
    made = what_to_change(Failure(kind="invalid_reply", message="the reply has nothing at /label"), places)
    assert made.advice == "Correct `reply` in harness.yml:4."


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Add `api_key_env`: the NAME of the variable that holds the key (harness.yml:2)."),
        (
            403,
            "Do as the endpoint says (harness.yml:2); where it wants a key, add `api_key_env`: the NAME of the "
            "variable that holds the key.",
        ),
    ],
)
def test_a_key_is_asked_for_where_none_was_sent(status: int, advice: str) -> None:
    assert what_to_change(from_status(status, b"Forbidden"), PLACES).advice == advice
