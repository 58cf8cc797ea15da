"""Which proxy stands before an endpoint, as the environment says."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.measure.endpoint.secrets import redact
from harness.measure.endpoint.transports.environment import proxy_for

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://api.example/v1", {}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.example/v1", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        ("https://api.example/v1", {"HTTP_PROXY": PROXY}, None),
        ("http://api.example/v1", {"HTTP_PROXY": PROXY}, PROXY),
        ("http://api.example/v1", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, None),
        ("http://api.example/v1", {"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, PROXY),
        ("http://api.example/v1", {"ALL_PROXY": PROXY}, PROXY),
        ("https://api.example/v1", {"ALL_PROXY": "http://other:1", "HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.example/v1", {"HTTPS_PROXY": " "}, None),
        ("https://api.example/v1", {"HTTPS_PROXY": "proxy.example:3128"}, PROXY),
        ("https://127.0.0.1:8443/v1", {"HTTPS_PROXY": PROXY}, None),
        ("http://localhost:8080/v1", {"ALL_PROXY": PROXY}, None),
        ("http://[::1]:8080/v1", {"ALL_PROXY": PROXY}, None),
    ],
)
def test_the_scheme_s_own_variable_comes_first_and_this_machine_is_reached_without(
    url: str, environment: dict[str, str], proxy: str | None
) -> None:
    found = proxy_for(url, environment)
    assert (None if found is None else found.url) == proxy


@pytest.mark.parametrize(
    ("exceptions", "url", "direct"),
    [
        ("*", "https://api.example/v1", True),
        ("api.example", "https://api.example/v1", True),
        ("API.Example.", "https://api.example/v1", True),
        ("example", "https://api.example/v1", True),
        (".example", "https://api.example/v1", True),
        ("*.example", "https://api.example/v1", True),
        (".api.example", "https://api.example/v1", True),
        ("pi.example", "https://api.example/v1", False),
        ("api.example.org", "https://api.example/v1", False),
        ("other, api.example", "https://api.example/v1", True),
        ("other api.example", "https://api.example/v1", True),
        ("api.example:443", "https://api.example/v1", True),
        ("api.example:8443", "https://api.example/v1", False),
        ("api.example:8443", "https://api.example:8443/v1", True),
        ("10.0.0.0/8", "https://10.1.2.3/v1", True),
        ("10.0.0.0/8", "https://11.1.2.3/v1", False),
        ("10.1.2.3", "https://10.1.2.3/v1", True),
        ("10.1.2.3:443", "https://10.1.2.3/v1", True),
        ("10.1.2.3:80", "https://10.1.2.3/v1", False),
        ("10.1.2", "https://10.1.2.3/v1", False),
        ("2001:db8::/32", "https://[2001:db8::7]/v1", True),
        ("2001:db8::7", "https://[2001:db8::7]/v1", True),
        ("[2001:db8::7]:443", "https://[2001:db8::7]/v1", True),
        ("[2001:db8::7]:80", "https://[2001:db8::7]/v1", False),
        (", ,", "https://api.example/v1", False),
        ("", "https://api.example/v1", False),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_an_exception_is_any_host_a_host_a_suffix_an_address_or_a_network_with_or_without_a_port(
    variable: str, exceptions: str, url: str, direct: bool
) -> None:
    found = proxy_for(url, {"HTTPS_PROXY": PROXY, variable: exceptions})
    assert (found is None) == direct


@pytest.mark.parametrize("written", ["ftp://proxy:21", "http://", "http://proxy:port", "http://proxy:99999"])
def test_what_is_no_proxy_s_address_is_refused_by_the_variable_s_name(written: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY is not the address of a proxy"):
        proxy_for("https://api.example/v1", {"HTTPS_PROXY": written})


def test_a_proxy_s_password_is_kept_from_every_output() -> None:
    found = proxy_for("https://api.example/v1", {"HTTPS_PROXY": "http://me:pass%20word-1@proxy.example:3128"})
    assert found is not None
    assert (found.url, found.auth) == (PROXY, ("me", "pass word-1"))
    assert "word" not in repr(found)
    assert redact("said pass word-1") == "said [redacted]"
