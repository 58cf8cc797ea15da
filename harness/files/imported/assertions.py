"""promptfoo's assertions: which of them say what label a case expects, and how a reply must hold it.

No code of a config is run: of JavaScript, comparisons of the output (or of a field of it) with a variable or a
text are read, and nothing else.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.files.imported.draft import Passes
from harness.files.imported.templates import filled
from harness.files.written import as_text, shown

_WHOLE = (r"\A", r"\Z")
_EASY = (r"\A\s*", r"\s*\Z")  # after `trim()`
_WAYS: Mapping[str, Passes] = {
    "equals": Passes("equals", *_WHOLE),
    "iequals": Passes("iequals", *_WHOLE, cased=False),
    "contains": Passes("contains"),
    "icontains": Passes("icontains", cased=False),
    "contains-any": Passes("contains-any"),
    "icontains-any": Passes("icontains-any", cased=False),
    "starts-with": Passes("starts-with", r"\A"),
}


class Meaning(NamedTuple):
    """What an assertion says: a way and the texts that pass, or a demand on the suite, or why it is not carried."""

    way: Passes | None = None
    accepted: tuple[str, ...] = ()
    threshold: str = ""
    why: str = ""


def meaning(assertion: Mapping[str, Any], variables: Mapping[str, Any]) -> Meaning:
    """Read one assertion of a case with these variables."""
    kind, value = str(assertion.get("type") or ""), assertion.get("value")
    if as_text(assertion.get("weight", 1)) in {"0", "0.0"}:
        return Meaning(why=f"`{shown(kind)}` has no weight, and passes whatever the reply is.")
    if isinstance(value, str) and value.startswith("file://"):
        return Meaning(why=f"`{shown(kind)}` takes its value from `{shown(value)}`.")
    match kind:
        case "javascript":
            found = _javascript(as_text(value), variables)
        case "regex":
            found = _regex(as_text(value), variables)
        case "is-json" | "contains-json":
            found = _json(kind, value, variables)
        case "equals" if isinstance(value, dict):
            found = field_of(kind, value, variables)
        case "latency" | "cost":
            found = _limit(kind, assertion.get("threshold"))
        case _ if kind in _WAYS:
            found = _named(kind, value, variables)
        case _:
            found = Meaning(why=f"`{shown(kind)}` says no label.")
    return found._replace(way=None) if assertion.get("transform") else found  # code has read the label from the reply


def _named(kind: str, value: object, variables: Mapping[str, Any]) -> Meaning:
    many = value if isinstance(value, list) else [value]
    if kind.endswith("-any") and isinstance(value, str):
        many = value.split(",")
    texts = [filled(as_text(each), variables) for each in many]
    if any(text is None for text in texts):
        return Meaning(why=f"`{kind}` has a template that is more than names of variables: `{shown(as_text(value))}`.")
    found = tuple(text.strip() for text in texts if text and text.strip())
    return Meaning(_WAYS[kind], found) if found else Meaning(why=f"`{kind}` has no value.")


def _limit(kind: str, written: object) -> Meaning:
    try:
        limit = float(as_text(written))
    except ValueError:
        return Meaning(why=f"`{kind}` has no threshold.")
    if kind == "latency":
        return Meaning(threshold=f"latency.p95 <= {limit:g} ms", why="`latency` of each call is now the suite's p95.")
    return Meaning(threshold=f"cost per 1000 <= ${1000 * limit:.10g}", why="`cost` of each call is now the mean.")


def _json(kind: str, value: object, variables: Mapping[str, Any]) -> Meaning:
    """Find the one field whose value a JSON schema fixes."""
    schema = value
    if isinstance(value, str):
        try:
            schema = json.loads(value)
        except (ValueError, RecursionError):
            schema = None
    properties = schema.get("properties") if isinstance(schema, dict) else None
    fixed = {}
    for name, rule in properties.items() if isinstance(properties, dict) else ():
        told = rule if isinstance(rule, dict) else {}
        only = [told["const"]] if "const" in told else told.get("enum")
        if isinstance(only, list) and len(only) == 1 and not isinstance(only[0], (dict, list)):
            fixed[name] = only[0]
    if len(fixed) != 1:
        return Meaning(why=f"`{kind}` demands a form, and fixes no field's value.")
    return field_of(kind, fixed, variables)


def field_of(kind: str, fixed: Mapping[str, Any], variables: Mapping[str, Any]) -> Meaning:
    """Read the one field whose value is demanded."""
    if len(fixed) != 1 or isinstance(next(iter(fixed.values())), (dict, list)):
        return Meaning(why=f"`{kind}` compares more than one field.")
    name, value = next(iter(fixed.items()))
    text = filled(as_text(value), variables)
    if not text:
        return Meaning(why=f"`{kind}` has no value for `{shown(name)}`.")
    return Meaning(Passes(f"{kind} of {name}", pointer=_pointer([name])), (text,))


def _pointer(names: list[str]) -> str:
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


_STEP = r"(?:\.[^\W\d]\w*(?!\w*\()|\[['\"][^'\"\]]+['\"]\])"
_CALLS = r"(?:\.(?:trim|toLowerCase|toUpperCase)\(\))*"
_LEFT = rf"(?:JSON\.parse\(\s*output{_CALLS}\s*\)|output)(?P<steps>{_STEP}*)(?P<calls>{_CALLS})"
_RIGHT = rf"""(?:context\.vars(?P<var>{_STEP}+)|(?P<text>'[^'\\]*'|"[^"\\]*"|`[^`\\$]*`)){_CALLS}"""
_COMPARED = re.compile(
    rf"(?:return\s+)?{_LEFT}\s*(?:={{2,3}}\s*{_RIGHT}|\.(?P<call>includes|startsWith)\(\s*"
    rf"{_RIGHT.replace('<var>', '<arg>').replace('<text>', '<said>')}\s*\))\s*;?\s*"
)


def _steps(written: str) -> list[str]:
    return [name or key for name, key in re.findall(r"\.(\w+)|\[['\"]([^'\"\]]+)['\"]\]", written)]


def _javascript(code: str, variables: Mapping[str, Any]) -> Meaning:
    found = _COMPARED.fullmatch(code.strip())
    if found is None:
        return Meaning(why=f"JavaScript is not run: `{shown(code.strip())}`.")
    said = found["text"] or found["said"]
    value: Any = said[1:-1] if said else variables
    for name in () if said else _steps(found["var"] or found["arg"]):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, (dict, list)) or not as_text(value).strip():
        return Meaning(why=f"the variable of `{shown(code.strip())}` is not there.")
    steps, calls = _steps(found["steps"]), found["calls"]
    cased = "toLowerCase" not in calls and "toUpperCase" not in calls
    told = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|context\.vars\S*", "...", code.strip().rstrip(";"))
    if steps:
        if found["call"]:
            return Meaning(why=f"a part of a field is compared: `{shown(code.strip())}`.")
        return Meaning(Passes(told, cased=cased, pointer=_pointer(steps)), (as_text(value),))
    easy = "trim" in calls
    before, after = {
        None: _EASY if easy else _WHOLE,
        "includes": ("", ""),
        "startsWith": (r"\A\s*" if easy else r"\A", ""),
    }[found["call"]]
    return Meaning(Passes(told, before, after, cased=cased), (as_text(value),))


_EDGES = r"(?:\\b|\\s\*|\\s\+|\[\"'\]\?|\.\*|\\W\*|\.\?|\\\.\?)*"
_SHAPE = re.compile(rf"(?P<flags>\(\?i\))?(?P<before>\^?{_EDGES})(?P<core>.*?)(?P<after>{_EDGES}\$?)", re.DOTALL)


def _regex(pattern: str, variables: Mapping[str, Any]) -> Meaning:
    """Read a pattern that is a name, or several, between anchors and blanks."""
    written = filled(pattern, variables)
    shape = _SHAPE.fullmatch(written or "")
    core = shape["core"] if shape else ""
    core = re.sub(r"\A\((?:\?:)?((?:[^()\\]|\\.)*)\)\Z", r"\1", core, flags=re.DOTALL)
    plain = re.sub(r"\\([^\w\s])", lambda match: f"\0{ord(match[1]):x}\0", core)
    if shape is None or not core or re.search(r"[\\^$.*+?{}\[\]()]", plain) or plain.startswith("/"):
        return Meaning(why=f"the pattern `{shown(pattern)}` is more than names of a label.")
    texts = tuple(re.sub("\0([0-9a-f]+)\0", lambda m: chr(int(m[1], 16)), part) for part in plain.split("|"))
    before = shape["before"].replace("^", r"\A")
    after = re.sub(r"\$\Z", lambda _: r"\Z", shape["after"])
    told = f"regex {shown(shape['before'] + '...' + shape['after'])}"
    if not all(text.strip() for text in texts):
        return Meaning(why=f"the pattern `{shown(pattern)}` matches nothing in particular.")
    return Meaning(Passes(told, before, after, cased=not shape["flags"]), texts)


def from_cell(cell: str) -> dict[str, Any]:
    """Read a cell of a column `__expected`, as promptfoo does: bare text is `equals`."""
    text = cell.strip()
    for prefix in ("javascript:", "fn:", "eval:"):
        if text.startswith(prefix):
            return {"type": "javascript", "value": text.removeprefix(prefix).strip()}
    if text.startswith(("grade:", "python:", "file://")):
        return {"type": text.partition(":")[0], "value": text.partition(":")[2]}
    found = re.fullmatch(r"((?:not-)?[a-z][a-z-]+)(?:\((\d+(?:\.\d+)?)\))?(?::(.*))?", text, re.DOTALL)
    if found is not None and found[1].removeprefix("not-") in _KINDS:
        value: Any = found[3]
        return {"type": found[1], "value": value, "threshold": found[2] or value}
    return {"type": "equals", "value": cell}


_KINDS = frozenset({
    *_WAYS, "is-json", "contains-json", "javascript", "regex", "latency", "cost", "similar", "llm-rubric", "bleu",
    "contains-all", "icontains-all", "classifier", "levenshtein", "rouge-n", "perplexity", "webhook", "g-eval", "pi",
    "is-valid-openai-tools-call", "answer-relevance", "moderation", "factuality", "model-graded-closedqa", "is-sql",
    "model-graded-factuality", "contains-sql", "contains-html", "contains-xml", "is-xml", "is-html", "is-refusal",
    "word-count", "finish-reason",
})  # fmt: skip
