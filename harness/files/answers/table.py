"""Any table with a column for what was right and one for what came back: CSV, JSONL, JSON, Parquet, spreadsheets.

What `columns` told by their names is shown. Without a column of cases each row is a case of its own, which takes one
candidate. The rows may stand in an object, under whatever name (`rows`, `data`, `test_results`).
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harness.files import case, written
from harness.files.answers import answer
from harness.files.answers.columns import KNOWN, NO_TIME, Columns, find_columns, plain, reached, told
from harness.files.answers.opened import Document, Findings, NotRead, ReadAs, as_object, begins_with, shown

SHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
_ASKED = frozenset({"input", "inputs", "message", "text", "question"})  # names of columns with what was asked
_TRUTHS = {"true": "1", "false": "0"}
_OF_PROMPTFOO = re.compile(r"\[(?:PASS|FAIL|ERROR)\] ")  # before each of its replies, until it had columns for that
_LOOKED = 2_000  # rows in which a first line is looked for that is one of them
_AS_JSON = "Let it write JSON: promptfoo export eval ID -o FILE.json"
_AS_ROWS = "Write a list of objects, one for each answer; in pandas: to_json(FILE, orient='records')."


def read(file: Path, found: Sequence[Document], asked: ReadAs, findings: Findings) -> answer.Stored:
    """Read the rows of a table. Raises NotRead."""
    sheets = file.name.lower().endswith(SHEETS)
    asked.refuse_others("a table", (*KNOWN, *(("part",) if sheets else ())))
    rows = [(line, reached(row, asked)) for line, row in _rows(file, found, asked, findings)]
    findings.raise_if_any()
    if not rows:
        fix = "Choose another sheet: --part NAME." if sheets else "Name the file that the answers were written to."
        raise NotRead("holds no rows.", fix)
    if {"custom_id", "response"} <= rows[0][1].keys() and not asked.expected and "expected" not in told([*rows[0][1]]):
        fix = "Read it into the run that asked: harness resume RUN --results FILE; or add a column `expected`."
        raise NotRead("is what came back of a batch, without what would be right.", fix)
    columns = find_columns(rows, asked)
    if any(_OF_PROMPTFOO.match(_text(row.get(columns.of["reply"]))) for _, row in rows[:_LOOKED]):
        raise NotRead("is promptfoo's table, whose replies stand among its own words.", _AS_JSON)
    answers, places = [], Counter[str]()
    seen: dict[tuple[str, str, str], int] = {}
    for line, row in sorted(rows, key=lambda each: _repeat(each[1], columns)):
        given = _given(file, (line, row), columns, places, findings)
        if given is None:
            continue
        answers.append(given)
        if "repeat" in columns.of:
            once = (given.candidate, given.case, _text(row.get(columns.of["repeat"])))
            if once in seen:
                said = f"case {once[1]} has the repeat {once[2]} twice (first on line {seen[once]})."
                findings.add(file, line, shown(columns.of["repeat"]), said, "Keep one of them.")
            seen.setdefault(once, line)
    if "case" not in columns.of and len(places) > 1:
        free = [name for name in rows[0][1] if name not in columns.of.values() and name != case.NAMELESS]
        fix = f"Write --case with one of {written.shortlist(free)}." if free else "Add a column `case`."
        raise NotRead("has answers of several candidates, and does not tell which are to the same case.", fix)
    notes = [columns.shown()]
    if name := columns.untimed:
        notes.append(f"{name} has no unit and is not read: --latency {name}:ms or :s")
    if not asked.case:
        notes += _asked_again(answers)
    timed = any(given.latency_s is not None for given in answers)
    return answer.Stored(
        tool="a table",
        name=file.stem,
        answers=tuple(answers),
        rule_for=answer.by({"as": "mention"}),
        aliases=_written_otherwise(answers),
        clock=f"the clock of whoever wrote {file.name}" if timed else "",
        notes=tuple(notes),
    )


def _written_otherwise(answers: Sequence[answer.Given]) -> dict[str, tuple[str, ...]]:
    """Find labels that the column of replies writes otherwise: 1 as 1.0, or 1 and 1.0 as true."""
    labels = {given.expected for given in answers}
    came = {given.outcome.text.strip() for given in answers if isinstance(given.outcome, answer.Reply)}
    lost = {_canonical(label): label for label in sorted(labels - came)}
    found: dict[str, tuple[str, ...]] = {}
    for word in sorted(came - labels):
        if (label := lost.get(_canonical(word), word)).casefold() != word.casefold():
            found[label] = (*found.get(label, ()), word)
    return found


def _canonical(word: str) -> str:
    return _TRUTHS.get(word.casefold()) or re.sub(r"(?<=\d)\.0+\Z", "", word)


def _rows(file: Path, found: Sequence[Document], asked: ReadAs, findings: Findings) -> Iterator[tuple[int, Any]]:
    """Yield the rows of a file; `found` is what it holds where that is JSON. Raises NotRead."""
    head = begins_with(file)
    if head.startswith(b"PAR1"):
        yield from case.read_table(file, str(file), findings)
    elif written.first_sign(head) == "[":
        yield from case.read_json(file, findings)
    elif found:
        member = _member(found[0][1], asked) if len(found) == 1 else ""
        yield from case.read_json(file, findings, inside=member) if member else case.read_jsonl(file, findings)
    else:
        headed = [*_separated(file, asked, findings)]
        names = headed[0][1] if headed else {}
        looked = {each for each in (asked.expected, asked.reply) if each in names} or names.keys()
        again = [name for name in looked if any(row.get(name, "").strip() == name for _, row in headed[:_LOOKED])]
        if again and "expected" not in told([*names]):
            said = f"has no line that names its columns: its first line is a row, with `{shown(again[0])}`."
            raise NotRead(said, "Write one above it, such as `message,expected,reply`.")
        yield from headed


def _member(whole: Mapping[str, Any], asked: ReadAs) -> str:
    """Name what holds the rows in a document; nothing where it is one row. Raises NotRead where it holds none."""
    named = {each.partition(".")[0] for each in (asked.expected, asked.reply)} & whole.keys()
    if not named and (inside := case.list_in(whole)) and not {"expected", "reply"} <= told([*whole]).keys():
        return inside
    if all(isinstance(each, (dict, list)) for each in whole.values()):
        raise NotRead("is one JSON object that holds no list of answers.", _AS_ROWS)
    return ""


def _separated(file: Path, asked: ReadAs, findings: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    if file.name.lower().endswith(SHEETS):
        return case.named_cells(file, case.read_sheet(file, findings, asked.part), (), findings)
    named_ones = [each for each in (asked.expected, asked.reply) if each]
    lines = [line for _, line in islice(written.read_lines(file, Findings()), 100)]
    if all(any(name in line for line in lines) for name in ("Named Scores", "Grader Reason")):
        raise NotRead("is promptfoo's table, which keeps no time and no error.", _AS_JSON)
    heading = next((line for line in lines if line.strip() and not line.startswith("sep=")), "")
    separator = "" if named_ones else max(case.SEPARATORS, key=lambda each: len(told(heading.strip().split(each))))
    return case.read_separated(file, findings, needed=named_ones, separator=separator)


def _asked_again(answers: Sequence[answer.Given]) -> Iterator[str]:
    """Tell of cases that ask the same: were they repeats, intervals would be too narrow."""
    names = answers[0].inputs if answers else ()
    column = next((name for name in names if plain(name).partition(".")[0] in _ASKED), "")
    asked = {given.case: given.inputs.get(column) for given in answers}
    if (name := shown(column)) and (again := len(asked) - len(set(asked.values()))):
        yield f"{again:,} of {len(asked):,} cases ask what another asks; if they are its repeats: --case {name}"


def _text(value: object) -> str:
    return answer.Part(value).text()


def _repeat(row: Mapping[str, Any], columns: Columns) -> float:
    try:
        return float(_text(row.get(columns.of.get("repeat", ""))) or 0)
    except ValueError:
        return 0.0


def _cell(value: object) -> str:
    """Write a cell; a whole number that a table keeps as 2.0 is 2."""
    return _text(int(value) if isinstance(value, float) and value.is_integer() else value)


def _given(
    file: Path, placed: tuple[int, Mapping[str, Any]], columns: Columns, places: Counter[str], findings: Findings
) -> answer.Given | None:
    (line, row), of = placed, columns.of
    wanted = written.as_label(_cell(row.get(of["expected"])))
    if not wanted or wanted.casefold() == "nan":
        findings.add(file, line, shown(of["expected"]), answer.UNLABELLED, "Leave the row out.")
        return None
    if isinstance(inside := as_object(row.get(of["expected"])), (dict, list)):
        fix, kind = f"Write one label in each row; --expected {shown(of['expected'])}.0 takes the first.", "a list"
        if isinstance(inside, dict):
            kind = "an object"
            fix = f"Write --expected {shown(of['expected'])}.NAME with one of {written.shortlist(sorted(inside))}."
        findings.add(file, line, shown(of["expected"]), f"is {kind}, not a label.", fix)
        return None
    candidate = _text(row.get(of["candidate"])).strip() if "candidate" in of else columns.candidate or "given"
    if not candidate:
        fix = "Name it there, or leave the row out; --candidate NAME names one for all rows."
        findings.add(file, line, shown(of["candidate"]), "does not say which candidate answered.", fix)
        return None
    places[candidate] += 1
    inputs = answer.Part(dict(row)).inputs(*of.values(), *(name.split(".")[0] for name in of.values()), case.NAMELESS)
    ident = _cell(row.get(of["case"])) if "case" in of else str(places[candidate])
    latency = None
    if "latency" in of:
        latency, why = _latency(row.get(of["latency"]), columns.seconds)
        if why:
            findings.add(file, line, shown(of["latency"]), why, "Correct it, or empty the cell.")
    return answer.Given(
        case=answer.Part(ident).name(otherwise=inputs),
        expected=wanted,
        outcome=_outcome(row, of),
        candidate=candidate,
        latency_s=latency,
        inputs=inputs,
    )


def _outcome(row: Mapping[str, Any], of: Mapping[str, str]) -> answer.Reply | answer.Failure:
    error = _text(row.get(of.get("error", ""))).strip()
    if error.casefold() in NO_TIME | {"false", "0", "0.0", "[]", "{}"}:
        if of["reply"] not in row:  # a place inside of an object that this row has not
            return answer.NOT_STORED
        return answer.reply(_cell(row.get(of["reply"])))
    kind = error.partition(":")[0]
    if kind in answer.KINDS:
        return answer.Failure(kind=answer.KINDS[kind], message=error.partition(":")[2].strip() or error)
    return answer.failure(error)


def _latency(value: object, seconds: float | None) -> tuple[float | None, str]:
    """Give a time in seconds, or why it is none."""
    text = _text(value).strip()
    if text.casefold() in NO_TIME:
        return None, ""
    try:
        found = written.units.read_seconds(text) if seconds is None else float(text) * seconds
    except ValueError:
        found = math.nan
    return (found, "") if 0 <= found < answer.LONGEST_S else (None, f"is no time: `{shown(text)}`.")
