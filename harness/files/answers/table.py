"""Any table with a column for what was right and one for what came back: CSV, JSONL, JSON, Parquet, spreadsheets.

Columns that a user does not name are told by their names, and what was told is shown. Without a column of cases
each row is a case of its own, which takes one candidate. A latency needs a unit: in the column's name, in the cells, or
as `COLUMN:ms`. A name with a dot that is no column's own reaches into objects: `expected.label`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.files import case, written
from harness.files.answers import answer
from harness.files.answers.opened import Findings, NotRead, ReadAs, as_object, begins_with, shown

_KNOWN: dict[str, tuple[str, ...]] = {  # field -> names of columns, the likeliest first
    "expected": (
        "expected", "expected_label", "expected_output", "target", "gold", "gold_label", "ground_truth", "truth",
        "true_label", "y_true", "reference", "ideal", "label",
    ),
    "reply": (
        "reply", "output", "actual_output", "model_output", "prediction", "predicted", "predicted_label", "pred",
        "y_pred", "response", "completion", "answer", "generated_text", "label",
    ),
    "case": ("case", "case_id", "example_id", "dataset_item_id", "sample_id", "doc_id", "id", "row_id", "index"),
    "repeat": ("repeat", "epoch", "iteration", "repetition"),
    "candidate": ("candidate", "provider", "model", "model_name"),
    "latency": ("latency", "response_time", "duration", "elapsed", "time"),
    "error": ("error", "failure", "exception", "error_message"),
}  # fmt: skip
_ASKED = frozenset({"input", "inputs", "message", "text", "question"})  # names of columns with what was asked
_UNIT = re.compile(r"(?P<name>.+?)[ _(\[]+(?P<unit>ms|msec|millis|milliseconds|s|sec|secs|seconds)[)\]]?")
_TIMED = re.compile(r"(?P<column>.+):(?P<unit>ms|s)")
_IN_CELLS = re.compile(r"\s*[\d.,]+\s*(?:us|µs|ms|s|sec|min)\s*")
_TRUTHS = {"true": "1", "false": "0"}
SHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
_WORDS = frozenset({"", "nan", "none", "null", "n/a"})  # of a cell that holds no latency, or no error


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where each field stands, and how many seconds one of the latency's column is; None where its cells say so."""

    of: Mapping[str, str]
    candidate: str  # of all rows, where no column has it
    seconds: float | None
    untimed: str = ""  # a column of times that nobody gave a unit

    def shown(self) -> str:
        """Say what was read as what."""
        pairs = ", ".join(f"{name} = {shown(column)}" for name, column in self.of.items())
        return f"columns: {pairs} (others: --expected NAME, --reply NAME, ...)"


def read(file: Path, asked: ReadAs, findings: Findings) -> answer.Stored:
    """Read the rows of a table. Raises NotRead."""
    sheets = file.name.lower().endswith(SHEETS)
    asked.refuse_others("a table", (*_KNOWN, *(("part",) if sheets else ())))
    rows = [(line, _reached(row, asked)) for line, row in _rows(file, asked, findings)]
    findings.raise_if_any()
    if not rows:
        fix = "Choose another sheet: --part NAME." if sheets else "Name the file that the answers were written to."
        raise NotRead("holds no rows.", fix)
    columns = _columns(rows, asked)
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


def _rows(file: Path, asked: ReadAs, findings: Findings) -> Iterator[tuple[int, dict[str, Any]]]:
    head = begins_with(file)
    if head.startswith(b"PAR1"):
        return case.read_table(file, str(file), findings)
    if file.name.lower().endswith(SHEETS):
        return case.named_cells(file, case.read_sheet(file, findings, asked.part), (), findings)
    if (first := written.first_sign(head)) in {"[", "{"}:
        return (case.read_json if first == "[" else case.read_jsonl)(file, findings)
    named_ones = [each for each in (asked.expected, asked.reply) if each]
    lines = (line for _, line in written.read_lines(file, Findings()))
    heading = next((line for line in lines if line.strip() and not line.startswith("sep=")), "")
    separator = "" if named_ones else max(case.SEPARATORS, key=lambda each: len(_told(heading.strip().split(each))))
    return case.read_separated(file, findings, needed=named_ones, separator=separator)


def _reached(row: dict[str, Any], asked: ReadAs) -> dict[str, Any]:
    """Add what an option names inside of an object, or of an object's text."""
    latency = asked.latency.removesuffix(":s").removesuffix(":ms")
    for name in (asked.expected, asked.reply, asked.case, asked.candidate, latency, asked.error):
        column, *path = name.split(".")
        if path and name not in row and column in row:
            row = {**row, name: answer.Part(as_object(row[column])).at(*path).value}
    return row


def _asked_again(answers: Sequence[answer.Given]) -> Iterator[str]:
    """Tell of cases that ask the same: were they repeats, intervals would be too narrow."""
    names = answers[0].inputs if answers else ()
    column = next((name for name in names if _plain(name).partition(".")[0] in _ASKED), "")
    asked = {given.case: given.inputs.get(column) for given in answers}
    if (name := shown(column)) and (again := len(asked) - len(set(asked.values()))):
        yield f"{again:,} of {len(asked):,} cases ask what another asks; if they are its repeats: --case {name}"


def _plain(name: str) -> str:
    """Write a name of a column as `_KNOWN` does: `expectedOutput` and `Expected output` are one."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().strip('"'))
    return re.sub(r"[\s_-]+", "_", apart).casefold()


def _told(columns: Sequence[str]) -> dict[str, str]:
    """Tell fields by the names of columns; no column is two fields."""
    found: dict[str, str] = {}
    plain = {_plain(column): column for column in reversed(columns)}
    for name, known in _KNOWN.items():
        one = next((plain[each] for each in known if each in plain and plain[each] not in found.values()), None)
        if one is None and name == "latency":
            one = next((c for each, c in plain.items() if (u := _UNIT.fullmatch(each)) and u["name"] in known), None)
        if one is not None:
            found[name] = one
    if "reply" not in found and found.get("expected") == "label":  # the label that was read, beside nothing right
        del found["expected"]
    return found


def _columns(rows: Sequence[tuple[int, dict[str, Any]]], asked: ReadAs) -> _Columns:
    """Find the columns. Raises NotRead where what is asked for is not there, or cannot be told."""
    names = [name for name in dict.fromkeys(name for _, row in rows[:100] for name in row) if name != case.NAMELESS]
    wanted = {name: getattr(asked, name) for name in _KNOWN}
    unit = _TIMED.fullmatch(wanted["latency"]) if wanted["latency"] not in names else None
    if unit is not None:
        wanted["latency"] = unit["column"]
    candidate = ""
    if wanted["candidate"] and wanted["candidate"] not in names:
        candidate, wanted["candidate"] = wanted["candidate"], ""
    for name, column in wanted.items():
        if column and column not in names:
            raise NotRead(f"has no column `{shown(column)}` for --{name}.", written.did_you_mean(column, names))
    named_ones = {name: column for name, column in wanted.items() if column}
    for column, times in Counter(named_ones.values()).items():
        if times > 1:  # the right answers as replies would make any prompt perfect
            twice = " and ".join(f"--{name}" for name, one in named_ones.items() if one == column)
            raise NotRead(f"has one column `{shown(column)}` for {twice}.", "Name a column for each.")
    free = [name for name in names if name not in named_ones.values()]
    found = {name: column for name, column in _told(free).items() if name not in named_ones} | named_ones
    if candidate:
        found.pop("candidate", None)
    for name, what in (("expected", "what would be right"), ("reply", "what came back")):
        if name not in found:
            fix = f"Write --{name} with one of {written.shortlist(names)}; its first line must name the columns."
            raise NotRead(f"does not tell which column holds {what}.", fix)
    if "repeat" in found and "case" not in found:
        raise NotRead("tells repeats, but not of which case.", f"Write --case with one of {written.shortlist(names)}.")
    found = {name: found[name] for name in _KNOWN if name in found}
    seconds, told = _seconds(rows, found.get("latency"), unit["unit"] if unit else "")
    if told or "latency" not in found:
        return _Columns(found, candidate, seconds)
    if wanted["latency"]:
        fix = f"Write --latency {found['latency']}:ms or :s"
        raise NotRead(f"does not tell the unit of `{found['latency']}`.", fix)
    return _Columns({n: c for n, c in found.items() if n != "latency"}, candidate, None, untimed=found["latency"])


def _seconds(rows: Sequence[tuple[int, dict[str, Any]]], column: str | None, unit: str) -> tuple[float | None, bool]:
    """Tell how many seconds one of a column is, and whether anything tells it."""
    if column is None:
        return None, False
    named_unit = _UNIT.fullmatch(_plain(column))
    unit = unit or (named_unit["unit"] if named_unit else "")
    if unit:
        return (1e-3 if unit.startswith("m") else 1.0), True
    cells = [text for _, row in rows if (text := _text(row.get(column)).strip()).casefold() not in _WORDS]
    return None, bool(cells) and all(_IN_CELLS.fullmatch(each) for each in cells)


def _text(value: object) -> str:
    return answer.Part(value).text()


def _repeat(row: Mapping[str, Any], columns: _Columns) -> float:
    try:
        return float(_text(row.get(columns.of.get("repeat", ""))) or 0)
    except ValueError:
        return 0.0


def _cell(value: object) -> str:
    """Write a cell; a whole number that a table keeps as 2.0 is 2."""
    return _text(int(value) if isinstance(value, float) and value.is_integer() else value)


def _given(
    file: Path, placed: tuple[int, Mapping[str, Any]], columns: _Columns, places: Counter[str], findings: Findings
) -> answer.Given | None:
    (line, row), of = placed, columns.of
    wanted = written.as_label(_cell(row.get(of["expected"])))
    if not wanted or wanted.casefold() == "nan":
        findings.add(file, line, shown(of["expected"]), answer.UNLABELLED, "Leave the row out.")
        return None
    if isinstance(inside := as_object(row.get(of["expected"])), (dict, list)):
        fix, kind = "Write one label in each row.", "a list"
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
    if error.casefold() in _WORDS | {"false", "0", "0.0", "[]", "{}"}:
        return answer.reply(_cell(row.get(of["reply"])))
    kind = error.partition(":")[0]
    if kind in answer.KINDS:
        return answer.Failure(kind=answer.KINDS[kind], message=error.partition(":")[2].strip() or error)
    return answer.failure(error)


def _latency(value: object, seconds: float | None) -> tuple[float | None, str]:
    """Give a time in seconds, or why it is none."""
    text = _text(value).strip()
    if text.casefold() in _WORDS:
        return None, ""
    try:
        found = written.units.read_seconds(text) if seconds is None else float(text) * seconds
    except ValueError:
        found = math.nan
    return (found, "") if 0 <= found < answer.LONGEST_S else (None, f"is no time: `{shown(text)}`.")
