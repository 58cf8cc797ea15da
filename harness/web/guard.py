"""Who may read: this machine's own pages, under the names that the viewer was started with.

Theory. A web page of a stranger, open in the same browser, can reach a server on loopback. It must not read
from it:

- *DNS rebinding*: the stranger's name comes to mean 127.0.0.1, so that the browser takes our pages for the
  stranger's own. The request still names the stranger's host: anything but an exact name is refused.
- *Cross-site requests*: the browser says where a request comes from (`Sec-Fetch-Site`). All but our own pages
  and what a person typed or followed as a link is refused; so are other ports of this machine (`same-site`).
- *Embedding and leaking*: no CORS header is ever sent; `Cross-Origin-Resource-Policy`, `frame-ancestors` and
  `Cross-Origin-Opener-Policy` keep our pages out of others' frames, images and windows.
- *Writing*: there is nothing to write; any method but GET and HEAD is refused.

With a token (needed beyond loopback) a request also shows it: as `Authorization: Bearer`, or once as
`?token=`, which becomes a cookie that no script and no other site can use.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "harness_view"
_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"  # the report's template has one
PAGE_POLICY = (
    f"default-src 'none'; style-src 'self' {_EMPTY_STYLE}; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'self'"
)
FILE_POLICY = PAGE_POLICY.replace("connect-src 'self'; ", "").replace("form-action 'self'", "form-action 'none'")
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": f"{PAGE_POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: refuses what may not read, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], token: str | None = None) -> None:
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts)
        self._token = token
        secret = secrets.token_bytes(32)  # cookies of an earlier viewer don't open this one
        self._cookie = "" if token is None else hmac.new(secret, token.encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
            await send(message)

        refused = self._refused(scope)
        await (self._app if refused is None else refused)(scope, receive, guarded)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or headers["host"].casefold() not in self._hosts:
            return _no(421, "This viewer answers only under the address that it printed when it started.")
        if scope["method"] not in {"GET", "HEAD"}:
            return _no(405, "The viewer only reads: GET and HEAD.", {"Allow": "GET, HEAD"})
        if not _from_here(headers):
            return _no(403, "Another site's page may not read from the viewer. Open its address yourself.")
        return None if self._token is None else self._without_token(scope, headers, self._token)

    def _without_token(self, scope: Scope, headers: Headers, token: str) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in query if name == "token"]
        if shown:
            if not all(_same(value, token) for value in shown):
                return _no(401, "That is not this viewer's token.")
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            path = "/" + quote(scope["path"].lstrip("/"))  # `//name` would be another host
            answer = RedirectResponse(path + (f"?{rest}" if rest else ""), status_code=303)
            answer.set_cookie(COOKIE, self._cookie, httponly=True, samesite="strict", path="/")
            return answer
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.casefold() == "bearer" and _same(bearer.strip(), token):
            return None
        if _same(_cookie_of(headers), self._cookie):
            return None
        why = "This viewer needs its token: open the address that it printed, which ends in ?token=…"
        return _no(401, why, {"WWW-Authenticate": "Bearer"})


def _from_here(headers: Headers) -> bool:
    """Tell whether our own page asks, or a person who typed the address or followed a link to a page."""
    site = headers.get("sec-fetch-site", "none")  # older browsers and programs don't say
    if site in {"same-origin", "none"}:
        return True
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _cookie_of(headers: Headers) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _same(shown: str, wanted: str) -> bool:
    return hmac.compare_digest(shown.encode(), wanted.encode())


def _no(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{why}\n", status_code=status, headers=headers)
