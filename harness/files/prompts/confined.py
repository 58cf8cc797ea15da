"""Renders a prompt that is not trusted in a child process with limits of CPU time, memory and wall time.

The rules of `template_rules` already bound what a template can do. This is the second wall, for prompts of
strangers (a fork's pull request, a run's folder from elsewhere): a fault in the first one, or in Jinja itself,
costs a child process and not the run. The child gets no environment variables, so it holds no key. What it
gives is what is sent: the parent never renders such a prompt, neither before the first call nor while it measures.

Parent and child speak in lines of JSON: that the child began, then the prompt and what is wrong with it, then
inputs and texts by turns; null for new time. To begin takes a child a quarter of a second of CPU, and a gate renders
the same prompt for its check, its calls and its comparison: what is closed waits for who renders that prompt next.
"""

import atexit
import json
import os
import selectors
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, Protocol

from harness.cores import end_child
from harness.files.prompts.compiling import RenderFailed, TemplateRefused, TooMuchMemory
from harness.files.prompts.render import Prompt, Rendered, RenderedChat, RenderedText, Renderer

START_S = 60.0  # for the child to begin: that is the machine's time, not the prompt's
WALL_S = 15.0  # for one answer
CPU_S = 5  # for each batch of samples
MEMORY = 512 << 20  # bytes of address space
_BATCH = 2_000  # samples
_MOST_IDLE = 8  # children that wait
_MOST_BYTES = 32 << 20  # of one answer: LARGEST characters, however JSON writes them
_TOO_MUCH = "takes too much time or memory to render."
_NOT_BEGUN = "can't be rendered in a process of its own."
_IDLE: OrderedDict[bytes, subprocess.Popen[bytes]] = OrderedDict()  # by all that they were told of a prompt


class Renders(Protocol):
    """What renders a prompt: in this process, or confined."""

    def render(self, inputs: Mapping[str, str]) -> Rendered:
        """Render for the inputs of one case. Raises RenderFailed."""

    def close(self) -> None:
        """End what was started."""


def renderer_of(prompt: Prompt) -> Renders:
    """Give what may render a prompt: a child process where a stranger wrote it. Raises as `Renderer`."""
    return ConfinedRenderer(prompt) if prompt.confined else Renderer(prompt)


class RenderRefused(RenderFailed):
    """A confined prompt can't be rendered at all: its template is not allowed, or takes too much."""

    def __init__(self, message: str, how: str = "") -> None:
        super().__init__(f"{message} {how}".rstrip())
        self.exhausted = (message, how) if how else None  # what it took too much of, and how that was noticed


class ConfinedRenderer:
    """Renders one prompt in a child process of its own; the first time that it takes too much is its last.

    Raises RenderRefused where the template is not allowed, or takes too much already.
    """

    def __init__(
        self,
        prompt: Prompt,
        *,
        start_s: float = START_S,
        wall_s: float = WALL_S,
        cpu_s: int = CPU_S,
        memory: int = MEMORY,
        batch: int = _BATCH,
    ) -> None:
        self._wall_s = wall_s
        content = prompt.model_dump(mode="json", include={"text", "messages", "examples", "template"})
        limits = {"cpu_s": cpu_s, "memory": memory, "batch": batch}
        self._told = _line({"prompt": content, "labels": prompt.labels, **limits})
        if self._took_up():
            return
        self._over: RenderRefused | None = None
        self._asking = False  # an answer is due
        self._child = subprocess.Popen(  # noqa: S603 (this interpreter, and this file)
            [sys.executable, "-I", "-c", f"from {__name__} import child; child()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            process_group=0,  # Ctrl-C is the parent's to hear
        )
        self._begin(start_s)
        found = self._ask(self._told)
        if found:
            end_child(self._child)
            raise RenderRefused(found)

    def _took_up(self) -> bool:
        """Take a child that rendered this prompt before, if one waits and lives."""
        child = _IDLE.pop(self._told, None)
        if child is None:
            return False
        self._over, self._asking, self._child = None, False, child
        with suppress(RenderRefused):
            self._ask(_line(None))
        return self._over is None

    def render(self, inputs: Mapping[str, str]) -> Rendered:
        """Render for the inputs of one case. Raises RenderFailed; RenderRefused from when it took too much."""
        if self._over is not None:
            raise self._over
        made = self._ask(_line(dict(inputs)))
        if "failed" in made:
            raise RenderFailed(made["failed"])
        if "text" in made:
            return RenderedText(made["text"], inputs)
        return RenderedChat(tuple((role, content) for role, content in made["messages"]), inputs)

    def close(self) -> None:
        """Let the child wait for who renders this prompt next, unless another does, or it owes an answer."""
        if self._over is not None:
            return
        self._over = RenderRefused("This renderer was closed.")
        if self._asking or _IDLE.setdefault(self._told, self._child) is not self._child:
            end_child(self._child)
        if len(_IDLE) > _MOST_IDLE:
            _end_idle(_MOST_IDLE)

    def _begin(self, start_s: float) -> None:
        """Wait until the child has loaded what it needs: how long that takes says nothing of a prompt."""
        stdout = self._child.stdout
        assert stdout is not None
        try:
            begun, how = _read_line(stdout, time.monotonic() + start_s), "It ended before it began."
        except TimeoutError:
            begun, how = b"", f"It did not begin within {start_s:g} s."
        if not begun:
            raise self._ended(how, _NOT_BEGUN)

    def _ask(self, question: bytes) -> Any:  # noqa: ANN401 - what JSON holds
        """Send a line and take the answer's. Raises RenderRefused when none comes."""
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin is not None
        assert stdout is not None
        self._asking = True
        try:
            stdin.write(question)
            stdin.flush()
            answer = _read_line(stdout, time.monotonic() + self._wall_s)
        except TimeoutError:
            raise self._ended(f"It was stopped after {self._wall_s:g} s.") from None
        except OSError:
            answer = b""
        if not answer:
            raise self._ended("Its process ended before it was done.")
        self._asking = False
        return json.loads(answer)

    def _ended(self, how: str, what: str = _TOO_MUCH) -> RenderRefused:
        end_child(self._child)
        self._over = RenderRefused(what, how)
        return self._over


@atexit.register
def _end_idle(most: int = 0) -> None:
    """End those that waited longest, until so many are left."""
    with suppress(KeyError):  # another thread took the last
        while len(_IDLE) > most:
            end_child(_IDLE.popitem(last=False)[1])


def _line(content: object) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _read_line(pipe: IO[bytes], until: float) -> bytes:
    """Read one line; empty where the other side ended. Raises TimeoutError, also for a line without end."""
    read = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not read.endswith(b"\n"):
            if len(read) > _MOST_BYTES or not selector.select(max(0.0, until - time.monotonic())):
                raise TimeoutError
            chunk = os.read(pipe.fileno(), 1 << 20)
            if not chunk:
                return b""
            read += chunk
    return bytes(read)


# In the child


def _allow_cpu(seconds: int) -> None:
    """Let this process be killed when it has used so many seconds more."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + 1 + seconds
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _rendered(renderer: Renderer, inputs: Mapping[str, str]) -> dict[str, Any]:
    try:
        made = renderer.render(inputs)
    except TooMuchMemory:
        sys.exit(1)  # what is left of this process is not to be relied on
    except RenderFailed as failed:
        return {"failed": str(failed)}
    return {"text": made.text} if isinstance(made, RenderedText) else {"messages": made.messages}


def child() -> None:
    """Say that it began, then render what the parent asks for, until it closes the pipe."""
    _answer("begun")
    first: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    # Lower this process's own limits; a system without one of them is left as it is
    import resource

    for what, most in ((resource.RLIMIT_AS, first["memory"]), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
    _allow_cpu(first["cpu_s"])
    prompt = Prompt(**first["prompt"]).model_copy(update={"labels": tuple(first["labels"])})
    try:
        renderer = Renderer(prompt)
    except TemplateRefused as refused:
        _answer(f"line {refused.line} of a template: {refused.message}")
        return
    except RenderFailed as failed:
        _answer(str(failed))
        return
    _answer("")
    for count, line in enumerate(iter(sys.stdin.buffer.readline, b""), 1):
        inputs = json.loads(line)
        if inputs is None or count % first["batch"] == 0:
            _allow_cpu(first["cpu_s"])
        _answer("" if inputs is None else _rendered(renderer, inputs))


def _answer(content: object) -> None:
    sys.stdout.buffer.write(_line(content))
    sys.stdout.buffer.flush()
