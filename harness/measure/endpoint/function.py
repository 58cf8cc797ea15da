"""The endpoint `function`: a Python function of the caller's own, with the limits, retries and clock of any other.

What the function raises is a failure of the endpoint, and is asked again as a server's error would be. A function
that is not async runs in a thread; one that never returns keeps that thread, whatever the timeout says.
"""

import asyncio
import contextvars
import hashlib
import inspect
import json
import time
import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias

from harness.errors import UsageError
from harness.files.project import ModelEntry
from harness.files.prompts import Rendered, RenderedText
from harness.measure.endpoint.contract import Answer, Attempt, Failure, Prepared, Reply, Trial
from harness.measure.endpoint.secrets import short

Function: TypeAlias = Callable[[Any], "str | Mapping[str, Any] | Awaitable[str | Mapping[str, Any]]"]

_KNOWN: dict[str, Function] = {}  # by the name in their entries: an entry is data, and goes into a manifest


def entry_of(name: str, function: Function) -> ModelEntry:
    """Make the entry of a function; its content is part of the candidate's identity, and so is the name given to it.

    Functions of one factory, methods of two clients, and lambdas of one line have one source. Raises UsageError.
    """
    if not callable(function):
        raise UsageError(
            f"models: {name!r}: {type(function).__name__} can't be called",
            fix="Give a function from text to text, or the names of models of harness.yml as a list.",
        )
    written = _written(function)
    named = f"{written.__module__}.{written.__qualname__}"
    try:
        content = inspect.getsource(written).encode()
    except (OSError, TypeError):
        code = getattr(written, "__code__", None)
        content = b"" if code is None else code.co_code
    content += name.encode()
    while _KNOWN.setdefault(known := f"{named}#{hashlib.sha256(content).hexdigest()[:12]}", function) is not function:
        content += b"'"  # another run of this moment has it
    return ModelEntry(endpoint="function", model=known, warmup=0)


def forget(entries: Iterable[ModelEntry]) -> None:
    """Let go of the functions of a run that ended."""
    for entry in entries:
        _KNOWN.pop(entry.model or "", None)


def _written(function: Callable[..., object]) -> Callable[..., object]:
    """Give what stands in a source file: the function of a partial, `__call__` of an object that can be called."""
    while isinstance(function, partial):
        function = function.func
    return function if hasattr(function, "__qualname__") else type(function).__call__


class FunctionEndpoint:
    """Answers by a function of text, or of the inputs of a case where its parameter is annotated as `dict`."""

    def __init__(self, name: str, entry: ModelEntry) -> None:
        function = _KNOWN.get(entry.model or "")
        if function is None:
            raise UsageError(
                f"models.{name}: the function {entry.model} is not known here.",
                fix="Run it from Python again: harness.run(suite, models={...}).",
            )
        self.name = name
        self.pacing_key = f"function:{entry.model}"
        self._function = function
        self._takes_inputs = _takes_inputs(function)
        self._most = entry.limits.concurrency
        self._threads: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Make the threads for a function that is not async."""
        if not inspect.iscoroutinefunction(self._function):
            self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="harness-function")

    async def close(self) -> None:
        """Let the threads end; one whose function never returns is left behind."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def prepare(self, rendered: Rendered, trial: Trial) -> Prepared:
        """Write down what the function will be given."""
        question: object
        if self._takes_inputs:
            question = dict(rendered.inputs)
        elif isinstance(rendered, RenderedText):
            question = rendered.text
        else:
            question = "\n\n".join(content for _, content in rendered.messages)
        return Prepared(trial=trial, body=json.dumps(question).encode(), estimated_tokens=0)

    async def attempt(self, prepared: Prepared, *, timeout_s: float) -> Answer:
        """Call the function once."""
        question = json.loads(prepared.body)
        began = time.perf_counter_ns()
        outcome: Reply | Failure
        try:
            async with asyncio.timeout(timeout_s) as limit:
                outcome = Reply(text=_text(await self._called(question)))
        except TimeoutError as error:
            late = f"the function took longer than {timeout_s:g} s"
            outcome = Failure(kind="timeout", message=late if limit.expired() else short(f"TimeoutError: {error}"))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            outcome = Failure(kind="server_error", message="what the function waited for was cancelled")
        except Exception as error:
            outcome = Failure(kind="server_error", message=short(f"{type(error).__name__}: {error}"))
        attempt = Attempt(
            duration_ns=time.perf_counter_ns() - began,
            written_ns=0,
            failure=outcome if isinstance(outcome, Failure) else None,
        )
        return Answer(attempt=attempt, outcome=outcome)

    async def _called(self, question: object) -> object:
        if self._threads is None:
            made = self._function(question)
        else:
            call = partial(contextvars.copy_context().run, self._function, question)
            made = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        return await made if inspect.isawaitable(made) else made


def _text(made: object) -> str:
    """Give what a function answered as the text of a reply: a mapping as JSON, for `reply: {as: json}`."""
    if isinstance(made, str):
        return made
    if isinstance(made, Mapping):
        return json.dumps(made)
    raise TypeError(f"the function gave {type(made).__name__}, not a text")


def _takes_inputs(function: Function) -> bool:
    try:
        hints = typing.get_type_hints(_written(function))
        first = next(iter(inspect.signature(function).parameters))
    except (NameError, TypeError, ValueError, StopIteration):
        return False
    hint = hints.get(first)
    origin = typing.get_origin(hint) or hint
    return isinstance(origin, type) and issubclass(origin, Mapping)
