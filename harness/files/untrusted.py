"""Renders a prompt that is not trusted in a child process with limits of CPU time, memory and wall time.

The rules of `template_rules` already bound what a template can do. This is the second wall, for prompts of
strangers (a fork's pull request): a fault in the first one, or in Jinja itself, costs a child process and not
the run. The child gets no environment variables, so it holds no key.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import Problem
from harness.files.prompts import Prompt, Renderer, RenderFailed, TemplateRefused, compile_template, templates
from harness.files.written import shown

WALL_S = 15.0
CPU_S = 5
MEMORY = 512 << 20  # bytes of address space
BATCH = 2_000  # samples for one child
_TOO_MUCH = "takes too much time or memory to render."


def render_untrusted(
    prompt: Prompt,
    samples: Sequence[Mapping[str, str]],
    *,
    wall_s: float = WALL_S,
    cpu_s: int = CPU_S,
    memory: int = MEMORY,
) -> tuple[Problem, ...]:
    """Compile a prompt and render it for every sample, in child processes; give what went wrong."""
    for first in range(0, max(len(samples), 1), BATCH):
        if problems := _in_child(prompt, samples[first : first + BATCH], wall_s, cpu_s, memory):
            return problems
    return ()


def _in_child(
    prompt: Prompt, samples: Sequence[Mapping[str, str]], wall_s: float, cpu_s: int, memory: int
) -> tuple[Problem, ...]:
    path = prompt.path or Path(f"{prompt.name}.prompt.yml")
    request = {
        "prompt": prompt.model_dump(mode="json", include={"text", "messages", "examples", "template"}),
        "labels": prompt.labels,
        "samples": [dict(sample) for sample in samples],
        "cpu_s": cpu_s,
        "memory": memory,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "harness.files.untrusted"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=wall_s,
            env={},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return (Problem(path, None, "", _TOO_MUCH, f"It was stopped after {wall_s:g} s."),)
    if done.returncode != 0:
        return (Problem(path, None, "", _TOO_MUCH, f"Its process ended with {done.returncode}."),)
    found = json.loads(done.stdout)
    return tuple(Problem(path, None, field, message) for field, message in found)


def _limit(cpu_s: int, memory: int) -> None:
    """Lower this process's own limits; a system without one of them is left as it is."""
    import resource

    for what, most in ((resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


def _examine(prompt: Prompt, samples: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    found = []
    for at, source in templates(prompt):
        try:
            compile_template(source, prompt.template)
        except TemplateRefused as refused:
            field = str(at[0]) if len(at) == 1 else f"messages[{at[1]}].content"
            found.append((field, f"line {refused.line} of the template: {refused.message}"))
    if found:
        return found
    field = "messages" if prompt.text is None else "text"
    try:
        renderer = Renderer(prompt)
        for sample in samples:
            renderer.render(sample)
    except (RenderFailed, TemplateRefused) as error:
        found.append((field, f"can't be rendered: {shown(str(error), 300)}"))
    return found


def _child() -> None:
    request: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    _limit(request["cpu_s"], request["memory"])
    prompt = Prompt(**request["prompt"]).model_copy(update={"labels": tuple(request["labels"])})
    sys.stdout.write(json.dumps(_examine(prompt, request["samples"])))


if __name__ == "__main__":
    _child()
