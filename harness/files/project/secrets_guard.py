"""Keeps keys out of files: what may stand where a file names an origin, a key variable or a header.

No message repeats the value, because the value may be the secret.
"""

import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

_T = TypeVar("_T")

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_KEY_PREFIX = re.compile(
    r"(sk|pk|rk)-|(sk|pk|rk|gsk|hf|ghp|gho|xox[abp])[-_](?=.{12})|(AIza|eyJ)(?=.{12})|AKIA(?=.{16}$)|Bearer "
)
_KEY_WITHIN = re.compile(  # in any text: no `sk-SK`, `sk-learn-version-1-2-pipeline`, `hf-internal-testing/..`
    r"(?<![\w-])((sk|pk|rk)-(?=([^\W_]*[-_])*(?=[a-z]*[A-Z0-9])[^\W_]{10})|gsk_|hf_|gh[pos]_|github_pat_|xox[abp]-|AIza|"
    r"eyJ|AKIA)(?=[a-z_-]*[A-Z0-9])[\w-]{16,}"
)
_SECRET_NAME = re.compile(  # of a header, or of a query's part
    r"(proxy-|(x-)?)auth(orization|entication|[-_].*)?|(x-)?api[-_]?key|.*([-_]|[a-z](?-i:(?=K)))key|key|.*token|"
    r".*secret|.*passw(or)?d|pass|pwd|.*credentials?|.*signature|sig|jwt|cookie",
    re.I,
)
_CODE = re.compile(r"[\w~+/=-]{32,}")  # `?code=` of a function on Azure; a shorter one is a country's, say
_SCHEME = re.compile(r"(basic|bearer) +[\w+/=.~-]{6,}", re.I)  # a header's value that signs in
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_SECRET_FIELD = re.compile(
    r"(.*[-_])?(api|access|secret|private|auth|subscription|session|refresh|security|id|hf)[-_]?(key|token)|"
    r"bearer([-_]?token)?|authorization|(.*[-_])?(password|passwd|passphrase)|(.*[-_])?secret|client[-_]?secret",
    re.I,
)
_PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def check_key_variable(name: str) -> str:
    """Give back the name of an environment variable; ValueError when it is a key, or no name."""
    if looks_like_key(name):
        raise ValueError(
            "holds what looks like a key. Put the key into an environment variable and write that variable's "
            "name here, such as OPENAI_API_KEY. If this file was shared, replace the key"
        )
    if not _VARIABLE.fullmatch(name):
        raise ValueError("must be the name of an environment variable, such as OPENAI_API_KEY")
    return name


def looks_like_key(text: str) -> bool:
    """Say whether a text is more likely a secret than the name of a variable."""
    if _KEY_PREFIX.match(text):
        return True
    kinds = sum(any(test(c) for c in text) for test in (str.islower, str.isupper, str.isdigit))
    return len(text) >= 20 and kinds == 3 and text.count("_") <= len(text) // 10


def check_sent(value: _T) -> _T:
    """Give back what is sent as it stands, and kept in the manifest so; ValueError where it holds a key."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if _SECRET_FIELD.fullmatch(str(name)) and _is_written_out(inner):
                raise ValueError(f"`{name}` {_NO_KEY_HERE}")
            check_sent(str(name))
            check_sent(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            check_sent(inner)
    elif isinstance(value, str) and _is_a_key(value):
        raise ValueError(f"holds what looks like a key, which {_NO_KEY_HERE}")
    return value


_NO_KEY_HERE = (
    "would be written down with every run. Send a key by `api_key_env`, or by a header with ${VARIABLE}. If this file "
    "was shared, replace the key"
)


def _is_written_out(value: object) -> bool:
    """Say whether a value is given, and is no place of a template."""
    return isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" and "{{" not in str(value)


def _is_a_key(text: str) -> bool:
    return _KEY_WITHIN.search(text) is not None


def placeholders(text: str) -> list[str]:
    """Name the environment variables that a text takes its parts from: `${VARIABLE}`."""
    return _PLACEHOLDER.findall(text)


def check_origin(url: str) -> str:
    """Give back an http(s) address without credentials; ValueError otherwise."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError on a bad port
    except ValueError:
        raise ValueError("must be an address such as https://api.openai.com/v1") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user name or password. Use `api_key_env`, or a header with ${VARIABLE}")
    bad = any(c.isspace() or ord(c) < 32 for c in url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or bad:
        raise ValueError("must start with http:// or https:// and name a host")
    if parts.fragment or url.endswith("#"):
        raise ValueError("must not hold a fragment (`#...`): it is never sent")
    query = parse_qsl(parts.query, keep_blank_values=True)
    if any(
        _SECRET_NAME.fullmatch(name) or _is_a_key(value) or (name == "code" and _CODE.fullmatch(value))
        for name, value in query
    ):
        raise ValueError("must not hold a key in its query. Use `api_key_env`, or a header with ${VARIABLE}")
    return check_sent(url)


def check_header(name: str, value: str) -> None:
    """Raise ValueError when a header could not be sent, or would hold a key in clear."""
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("the name of a header has only letters, digits and dashes")
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError(f"the header `{name}` holds a control character")
    if (
        _is_a_key(value)
        or _SCHEME.fullmatch(value.strip())
        or (_SECRET_NAME.fullmatch(name) and not _PLACEHOLDER.search(value))
    ):
        raise ValueError(f"the header `{name}` must take its secret from the environment: write ${{VARIABLE}}")
