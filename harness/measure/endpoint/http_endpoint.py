"""The endpoint over HTTP: a codec on a transport."""

import msgspec

from harness.files.prompts import Rendered
from harness.measure.endpoint.codecs import (
    CannotEncode,
    Codec,
    StreamingCodec,
    StreamReader,
    decode_whole,
    rough_tokens,
)
from harness.measure.endpoint.contract import Answer, Attempt, Failure, Prepared, Reply, Trial
from harness.measure.endpoint.headers import NO_HINTS, read_hints
from harness.measure.endpoint.secrets import clean, short
from harness.measure.endpoint.transports import Broken, Exchange, Transport

_LONGEST_S = 1e9  # of a wait that is asked for: thirty years are for ever


class HttpEndpoint:
    """One candidate's way out over HTTP."""

    def __init__(
        self, *, name: str, pacing_key: str, url: str, codec: Codec, transport: Transport, stream: bool = False
    ) -> None:
        self.name = name
        self.pacing_key = pacing_key
        self.url = url
        self._codec = codec
        self._transport = transport
        self._streaming = codec if stream and isinstance(codec, StreamingCodec) else None

    async def open(self) -> None:
        """Make the client."""
        await self._transport.open()

    async def close(self) -> None:
        """Release the sockets."""
        await self._transport.close()

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:
        """Encode a request."""
        return prepare(self._codec, rendered, trial)

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:
        """Do one exchange."""
        if prepared.failure is not None:
            return unsent(prepared.failure)
        reader = None if self._streaming is None else StreamReader(self._streaming)
        exchange = await self._transport.exchange(
            self._codec.method, self.url, prepared.body, timeout_s=timeout_s, sink=reader
        )
        tokens_ns = () if reader is None else tuple(reader.tokens_ns)
        if isinstance(exchange, Broken):
            broken = _as_cut(exchange) if tokens_ns else exchange
            return _answer(broken, broken.failure, tokens_ns)
        if reader is not None and exchange.streamed:
            outcome = reader.outcome(exchange.status, exchange.headers)
        else:
            outcome = decode_whole(self._codec, exchange.status, exchange.headers, exchange.body)
        return _answer(exchange, clean(outcome), tokens_ns)

    def read(self, status: int, body: bytes) -> Reply | Failure:
        """Read a response that came another way, such as in a batch, by the same codec."""
        return clean(decode_whole(self._codec, status, {}, body))

    @property
    def path(self) -> str:
        """Where the protocol has its calls, below the base URL."""
        return self._codec.path


def prepare(codec: Codec, rendered: Rendered, trial: Trial) -> Prepared:
    """Encode a rendered prompt; what can't be encoded becomes a failure that is never sent."""
    try:
        body = codec.encode(rendered)
    except (CannotEncode, UnicodeEncodeError) as error:
        words = "the text holds a lone surrogate" if isinstance(error, UnicodeEncodeError) else str(error)
        failure = Failure(kind="render", message=short(words))
        return Prepared(trial=trial, body=b"", estimated_tokens=0, failure=failure)
    estimate = rough_tokens(rendered) + codec.most_output
    return Prepared(trial=trial, body=body, estimated_tokens=estimate)


def unsent(failure: Failure) -> Answer:
    """Return the answer of a request that was not sent."""
    return Answer(attempt=Attempt(duration_ns=0, failure=failure), outcome=failure)


def _answer(exchange: Exchange | Broken, outcome: Reply | Failure, tokens_ns: tuple[int, ...] = ()) -> Answer:
    limited = isinstance(outcome, Failure) and outcome.kind == "rate_limited"
    body = exchange.body if limited and isinstance(exchange, Exchange) else b""
    hints = NO_HINTS if exchange.headers is None else read_hints(exchange.headers, body)
    wait_s = hints.retry_after_s
    attempt = Attempt(
        duration_ns=exchange.duration_ns,
        connect_ns=exchange.connect_ns,
        written_ns=exchange.written_ns,
        first_byte_ns=exchange.first_byte_ns,
        first_token_ns=tokens_ns[0] if tokens_ns else None,
        tokens_ns=tokens_ns,
        status=exchange.failure.status if isinstance(exchange, Broken) else exchange.status,
        failure=outcome if isinstance(outcome, Failure) else None,
        retry_after_ns=None if wait_s is None else round(min(wait_s, _LONGEST_S) * 1e9),
        remaining_requests=hints.remaining_requests,
        remaining_tokens=hints.remaining_tokens,
    )
    return Answer(attempt=attempt, outcome=outcome, hints=hints)


def _as_cut(exchange: Broken) -> Broken:
    """Call a connection that broke after the first token a cut stream."""
    failure = exchange.failure
    if failure.kind not in ("network", "invalid_reply"):
        return exchange
    cut = Failure(kind="stream_cut", message=short(f"the stream broke: {failure.message}"), status=failure.status)
    return msgspec.structs.replace(exchange, failure=cut)
