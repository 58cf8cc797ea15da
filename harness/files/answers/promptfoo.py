"""promptfoo: results as JSON (versions 2 and 3), as lines, and in its own database.

Each repeat of a test is a test of its own there, so answers to the same variables are repeats, in the order of
`testIdx`. An answer that an assertion refused has an `error` as well; only `failureReason` 2 is an outage.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from harness.files.answers.answer import Failure, Given, Part, Reply, Stored, digest, failure, reply
from harness.files.answers.opened import Database, Document, Findings, NotRead, parsed, shortlist, shown
from harness.files.imported import Passes, meaning, rule_of

NAME = "promptfoo"
ASKED = ("expected",)
_CLOCK = "promptfoo's clock, its own queue and retries included"
_NAMED = re.compile(r"\bvars(?:\.(\w+)|\[['\"]([^'\"]+)['\"]\])|\{\{\s*([\w.-]+)\s*\}\}")  # variables in an assertion
_Rows: TypeAlias = Sequence[tuple[int | None, str, Part]]  # line, place, what stands there
_STRIPPED = "[output stripped]"
_LONGEST_LABEL = 60  # characters of a prompt's label; where none was given it is the whole prompt


class _Wanted(NamedTuple):
    """What an assertion says would be right, how it takes a reply for that, and the variables that it names."""

    texts: tuple[str, ...]
    way: Passes | None
    variables: tuple[str, ...]


@dataclass(slots=True)
class _File:
    """One file while it is read."""

    path: Path
    findings: Findings
    expected: str  # the variable with the right label, where a user names it
    defaults: Sequence[Part] = ()  # assertions of every test
    by_vars: dict[str, list[Part]] = field(default_factory=dict)  # digest of variables -> assertions
    ways: Counter[Passes | None] = field(default_factory=Counter)
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)  # assertions that do not carry over
    columns: dict[str, list[int]] = field(default_factory=dict)  # name of a candidate -> its `promptIdx`
    cached: int = 0
    transformed: int = 0  # by code, before they were compared


def knows(first: Part) -> bool:
    """Tell whether a document, or the first of several lines, is promptfoo's."""
    row = (first.items() or first.items("results") or [first])[0]
    whole = isinstance(row.at("results", "results").value, list) or bool(row.fields("results", "table"))
    return whole or (
        {"provider", "success"} <= row.fields().keys() and bool({"testCase", "vars"} & row.fields().keys())
    )


def read(file: Path, documents: Sequence[Document], findings: Findings, expected: str) -> Stored:
    """Read an output file: `expected` may name the variable that holds the right label."""
    whole = Part(documents[0][1])
    if whole.at("results").value:
        return _document(file, whole, findings, expected)
    rows: _Rows = [(line, "", Part(row)) for line, row in documents]
    if whole.items():
        rows = [(None, f"[{n}]", row) for n, row in enumerate(whole.items())]
    return _stored(_File(file, findings, expected), rows, Part(None))


def _document(file: Path, whole: Part, findings: Findings, expected: str) -> Stored:
    rows, place = whole.items("results", "results"), "results.results"
    if shared := whole.items("results"):
        rows, place = shared, "results"
    elif not rows:
        rows, place = [*_of_table(whole.at("results", "table"))], "results.table"
    reader = _File(file, findings, expected, whole.items("config", "defaultTest", "assert"))
    tests = [each.at("test") for each in whole.items("results", "table", "body")]
    for test in [*tests, *whole.items("config", "tests")]:
        reader.by_vars.setdefault(digest(test.fields("vars")), test.items("assert"))
    about = {"created": whole.text("results", "timestamp"), "description": whole.text("config", "description")}
    return _stored(reader, [(None, f"{place}[{n}]", row) for n, row in enumerate(rows)], Part(about))


def _of_table(table: Part) -> Iterator[Part]:
    """Give the cells of a table of version 2 as rows."""
    for test, line in enumerate(table.items("body")):
        cells = {name: line.text("vars", n) for n, name in enumerate(table.texts("head", "vars"))}
        for prompt, out in enumerate(line.items("outputs")):
            head = table.at("head", "prompts", prompt)
            told = {"output": out.at("text").value, **out.fields()}
            yield Part(
                {
                    "promptIdx": prompt, "testIdx": test, "prompt": head.value, "success": out.at("pass").value,
                    "provider": out.at("provider").value or head.at("provider").value,
                    "testCase": line.at("test").value, "vars": line.fields("test", "vars") or cells,
                    "response": out.at("response").value or told,
                    **{key: out.at(key).value for key in ("error", "failureReason", "latencyMs", "gradingResult")},
                }
            )  # fmt: skip


_COLUMNS = {  # of the database -> as an output file has it
    "prompt_idx": "promptIdx", "test_idx": "testIdx", "test_case": "testCase", "prompt": "prompt",
    "provider": "provider", "latency_ms": "latencyMs", "response": "response", "error": "error",
    "failure_reason": "failureReason", "success": "success", "grading_result": "gradingResult",
}  # fmt: skip
_WRITTEN = frozenset({"testCase", "prompt", "provider", "response", "gradingResult"})  # as JSON texts


def read_database(file: Path, expected: str, part: str, findings: Findings) -> Stored:
    """Read one eval of promptfoo.db: the one that `part` names, else the latest. Raises NotRead."""
    with closing(Database(file)) as database:
        if "config" not in database.columns("evals"):
            raise NotRead("is a database, but not promptfoo's.", "Name promptfoo.db, or a file of results.")
        evals = [*database.rows("SELECT id, created_at, description, config, results FROM evals ORDER BY created_at")]
        chosen = [row for row in evals if part in ("", row[0])]
        if not chosen:
            known = ", ".join(shown(str(row[0])) for row in evals[-5:])
            raise NotRead(f"has no eval `{shown(part)}`.", f"Name one of: {known}." if evals else "")
        ident, created, description, config, results = chosen[-1]
        note = f"eval {ident}, the latest of {len(evals):,} (another: --part ID)" if not part and len(evals) > 1 else ""
        written = Part(parsed(config or "{}"))
        rows: list[Part] = []
        if _COLUMNS.keys() <= database.columns("eval_results"):
            query = f"SELECT {', '.join(_COLUMNS)} FROM eval_results WHERE eval_id = ? ORDER BY test_idx, prompt_idx"  # noqa: S608 - our own names
            for values in database.rows(query, str(ident)):
                row = zip(_COLUMNS.values(), values, strict=True)
                rows.append(Part({name: parsed(cell) if name in _WRITTEN and cell else cell for name, cell in row}))
        elif not results:
            raise NotRead("holds no results that this reads.", "Write them out: promptfoo export eval ID -o FILE.json")
    if not rows:  # an older promptfoo kept all in one cell
        older = Part({"results": parsed(results or "{}"), "config": written.value})
        return _document(file, older, findings, expected)
    reader = _File(file, findings, expected, written.items("defaultTest", "assert"))
    about = Part({"created": created, "description": description or written.text("description"), "note": note})
    return _stored(reader, [(None, f"eval_results[{n}]", row) for n, row in enumerate(rows)], about)


def _stored(reader: _File, rows: _Rows, about: Part) -> Stored:
    for _, _, row in rows:  # an answer that failed has no assertions: another one to the same variables has
        if asserted := _assertions(row):
            reader.by_vars.setdefault(digest(_variables(row).value), asserted)
    order = sorted(rows, key=lambda row: (row[2].number("testIdx") or 0, row[2].number("promptIdx") or 0))
    answers = [given for line, place, row in order if (given := _given(reader, line, place, row)) is not None]
    timed = any(given.latency_s is not None for given in answers)
    return Stored(
        tool=NAME,
        name=about.text("description").strip() or reader.path.stem,
        answers=tuple(answers),
        rule_for=partial(_rule, reader),
        aliases=reader.aliases,
        clock=_CLOCK if timed else "",
        queued=True,
        created_utc=about.utc("created"),
        notes=tuple(_notes(reader, about)),
    )


def _notes(reader: _File, about: Part) -> Iterator[str]:
    if note := about.text("note"):
        yield note
    if reader.left:
        kinds = ", ".join(f"{kind} ({count:,})" for kind, count in sorted(reader.left.items()))
        yield f"assertions that say no label are not judged here: {kinds}"
    if reader.cached:
        yield f"{reader.cached:,} answers came from promptfoo's cache: they have no latency"
    if reader.transformed:
        yield f"{reader.transformed:,} answers went through code (`transform`): here they are read as they came"


def _given(reader: _File, line: int | None, place: str, row: Part) -> Given | None:
    variables = _variables(row)
    wanted = _wanted(reader, row, variables)
    if wanted is None or not wanted.texts:
        said = "no assertion says which label would be right."
        if reader.expected:
            said = f"the variable `{shown(reader.expected)}` is not there, or empty."
        fix = f"Write --expected with one of {shortlist(variables.fields())}, or metadata.NAME."
        reader.findings.add(reader.path, line, f"{place}.testCase.assert".strip("."), said, fix)
        return None
    told = variables.value or row.at("testCase", "metadata", "id").value or row.text("testCase", "description")
    if not told:
        said = "is not there, nor a description: nothing tells which answers are to the same case."
        fix = "Let promptfoo write it without PROMPTFOO_STRIP_TEST_VARS, or give each test a `metadata: {id: ...}`."
        reader.findings.add(reader.path, line, f"{place}.testCase.vars".strip("."), said, fix)
        return None
    reader.ways[wanted.way] += 1
    label, *others = wanted.texts
    if others:
        reader.aliases[label] = tuple(dict.fromkeys((*reader.aliases.get(label, ()), *others)))
    cached = row.at("response", "cached").value is True
    reader.cached += cached
    return Given(
        case=row.name("testCase", "metadata", "id", otherwise=told),
        expected=label,
        outcome=_outcome(row),
        candidate=_candidate(reader, row),
        latency_s=None if cached else row.seconds("latencyMs", times=1e-3),
        inputs=variables.inputs(*wanted.variables),
        passed=row.at("success").value in (True, 1),
    )


def _variables(row: Part) -> Part:
    return Part(row.fields("vars") or row.fields("testCase", "vars"))


def _assertions(row: Part) -> list[Part]:
    told = row.items("testCase", "assert") or [
        each.at("assertion") for each in row.items("gradingResult", "componentResults")
    ]
    return [inner for each in told if each.fields() for inner in each.items("assert") or [each]]  # of a set, each


def _wanted(reader: _File, row: Part, variables: Part) -> _Wanted | None:
    asserted = [*(_assertions(row) or reader.by_vars.get(digest(variables.value), [])), *reader.defaults]
    said = [(each, meaning(each.fields(), variables.fields())) for each in asserted]
    first = next(((each, found) for each, found in said if found.accepted), None)
    reader.left.update(each.text("type") for each, found in said if not found.accepted)
    if reader.expected:
        inside = reader.expected.split(".")
        told = variables.texts(reader.expected) or variables.texts(*inside) or row.at("testCase").texts(*inside)
        return _Wanted(told, first[1].way if first else None, (reader.expected,))
    if first is None:
        return None
    reader.transformed += bool(first[0].text("transform"))
    names = [name for found in _NAMED.findall(first[0].text("value")) for name in found if name]
    return _Wanted(Part([*first[1].accepted]).texts(), first[1].way, tuple(names))


def _rule(reader: _File, labels: list[str]) -> dict[str, Any]:
    """Give the rule by which most answers were taken for right."""
    ((way, _),) = reader.ways.most_common(1)
    return rule_of(way, labels, reader.aliases)


def _outcome(row: Part) -> Reply | Failure:
    response, why = row.at("response"), row.at("failureReason").value
    output = response.at("output")
    error = response.text("error") or row.text("error")
    if why == 2 or (output.value is None and error and (why is None or response.at("error").value)):
        return failure(error)
    if output.value == _STRIPPED:
        raise NotRead("keeps no replies.", "Let promptfoo write it without PROMPTFOO_STRIP_RESPONSE_OUTPUT.")
    usage = response.at("tokenUsage").usage("prompt", "completion")
    if response.at("isRefusal").value is True:
        return Reply(text="", refusal=output.text() or "refused", usage=usage)
    return reply(output.text(), usage, response.text("finishReason"))


def _candidate(reader: _File, row: Part) -> str:
    """Name a column of promptfoo's table; a second of one name, as of one model with other parameters, has a number."""
    model = row.text("provider", "label") or row.text("provider", "id") or row.text("provider")
    label = row.text("prompt", "label").strip()
    index = int(row.number("promptIdx") or 0)
    prompt = label if 0 < len(label) <= _LONGEST_LABEL and label.isprintable() else f"prompt-{index + 1}"
    alike = reader.columns.setdefault(name := f"{prompt}@{model or 'model'}", [index])
    if index not in alike:
        alike.append(index)
    return name if index == alike[0] else f"{name} ({alike.index(index) + 1})"
