"""Templates of other tools, written anew for this house: nothing of theirs is ever rendered here.

Nunjucks and Jinja share their marks, and mean different things by some: a line that holds only a tag leaves its
line break in Nunjucks, `===` is its equality, `dump` its JSON, a variable that nobody gave is the empty text, and
the parts of a variable (`item.text`) are inputs of their own here. What has no counterpart is refused, in words.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.files.case import KNOWN
from harness.files.prompts import LISTS, TemplateRefused, compile_template
from harness.files.written import as_text

PLACE = re.compile(r"\{\{-?\s*([^\W\d][\w.-]*)\s*-?\}\}")
_RAW = r"\{%[-+]?\s*raw\s*-?%\}(?P<raw>.*?)\{%[-+]?\s*endraw\s*-?%\}"
_TOKEN = re.compile(
    rf"{_RAW}|\{{\{{(?P<out>-?.*?-?)\}}\}}|\{{%(?P<tag>-?.*?-?)%\}}|(?P<before>\s*)\{{#(?P<note>-?.*?-?)#\}}(?P<after>\s*)",
    re.DOTALL,
)
_WORD = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([^\W\d]\w*(?:\.[^\W\d]\w*)*)|(===|!==|&&|\|\|)""")
_SAME = {"===": "==", "!==": "!=", "&&": "and", "||": "or", "null": "none", "elseif": "elif"}
_WORDS = frozenset({
    "if", "else", "elif", "elseif", "endif", "for", "in", "endfor", "is", "not", "and", "or", "true", "false", "none",
    "null", "loop",
})  # fmt: skip


def input_name(name: str) -> str:
    """Give the name that a variable of another tool has here: `item.text` is `item_text`, `id` is `id_`."""
    plain = re.sub(r"\W", "_", name)
    plain = f"_{plain}" if plain[:1].isdecimal() or not plain else plain
    return f"{plain}_" if plain in {*KNOWN, *LISTS, *_WORDS, "self", "super", "caller"} else plain


def inputs_of(variables: Mapping[str, Any]) -> dict[str, str]:
    """Give variables as inputs; the parts of one that has parts are inputs of their own."""
    found: dict[str, str] = {}
    for name, value in variables.items():
        if isinstance(value, dict):
            found |= inputs_of({f"{name}.{part}": inner for part, inner in value.items()})
        else:
            found[input_name(name)] = as_text(value)
    return found


def filled(text: str, variables: Mapping[str, Any], *, deep: int = 3) -> str | None:
    """Put variables into a text where only their names stand; None where it is more than that."""

    def put(match: re.Match[str]) -> str:
        value: Any = variables
        for part in match[1].split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return match[0] if value is None else as_text(value)

    for _ in range(deep):
        if not re.search(r"\{\{|\{%|\{#", text):
            return text
        before, text = text, PLACE.sub(put, text)
        if text == before or len(text) > 1_000_000:
            return None
    return text if "{{" not in text else None


def translated(source: str) -> tuple[str, str]:
    """Write a Nunjucks template as Jinja; and why that can't be, which may be a rule of templates here."""

    def piece(match: re.Match[str]) -> str:
        line = source.count("\n", 0, match.start()) + 1
        if match["raw"] is not None:
            return f"{{%+ raw %}}{match['raw']}{{% endraw +%}}"
        if match["note"] is not None:
            before = "" if match["note"].startswith("-") else match["before"]
            return before + ("" if match["note"].endswith("-") else match["after"])
        if match["out"] is not None:
            return _inside("{{", match["out"], "}}", "", line)
        return _inside("{%", match["tag"], "%}", "+", line)

    try:
        made = _TOKEN.sub(piece, source)
        compile_template(made)
    except TemplateRefused as refused:
        return "", f"line {refused.line} of its template {refused.message}"
    return made, ""


def names_in(prompt: Mapping[str, Any] | str) -> Iterator[str]:
    """Yield the inputs that the messages of a prompt use."""
    for message in prompt["messages"] if isinstance(prompt, Mapping) else ():
        yield from compile_template(message["content"]).names


def _inside(opened: str, text: str, closed: str, keep: str, line: int) -> str:
    left, right = text.startswith("-"), text.endswith("-") and len(text) > 1
    inner = text[left : len(text) - right].strip()
    inner = re.sub(r"\|\s*safe\b", "", re.sub(r"\|\s*dump\b(\(\s*\d*\s*\))?", "| tojson", inner)).strip()
    loops = {match[1] for match in re.finditer(r"\bfor\s+(\w+)\s+in\b", inner)}
    inner = _WORD.sub(_word(inner, loops, line), inner)
    return f"{opened}{'-' if left else keep} {inner} {'-' if right else keep}{closed}"


def _word(whole: str, loops: set[str], line: int) -> Callable[[re.Match[str]], str]:
    def written(match: re.Match[str]) -> str:
        text = match[0]
        if match[1]:
            return text
        if text in _SAME:
            return _SAME[text]
        after_pipe = whole[: match.start()].rstrip()[-1:] == "|"
        if text in _WORDS or text in loops or after_pipe or text.startswith("loop."):
            return text
        if text.split(".")[0] == "env":
            raise TemplateRefused("takes its text from the environment (`env`), which no prompt may read.", line)
        if text.endswith(".length"):
            return f"({input_name(text.removesuffix('.length'))} | length)"
        minus = re.match(r"\s*-\s*[^\W\d]", whole[match.end() :])
        if minus:
            raise TemplateRefused(f"subtracts from `{text}`: a name can't hold a dash in Nunjucks.", line)
        return input_name(text)

    return written


def first_prompt(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give a prompt to begin with, for cases that come without one: of their longest input."""
    names = [name for name in cases[0] if name not in KNOWN]
    return pattern([max(names, key=lambda name: sum(len(str(case.get(name, ""))) for case in cases))])


def pattern(inputs: Sequence[str]) -> dict[str, Any]:
    """Give a prompt that asks for one of the labels of these inputs."""
    ask = "Classify the text. Answer with exactly one of these labels, and nothing else:\n{{ labels | join(', ') }}"
    content = "\n\n".join(f"{{{{ {name} }}}}" for name in inputs)
    return {
        "name": "a first prompt",
        "messages": [{"role": "system", "content": ask}, {"role": "user", "content": content}],
    }
