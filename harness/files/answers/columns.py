"""Which column of a table holds what: told by its name, or named by a user.

A latency needs a unit: in the column's name, in the cells, or as `COLUMN:ms`. A name with dots that is no column's own
reaches into objects and lists: `expected.label`, `choices.0.text`.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from harness.files import case, written
from harness.files.answers.answer import Part
from harness.files.answers.opened import NotRead, ReadAs, as_object, shown

KNOWN: dict[str, tuple[str, ...]] = {  # field -> names of columns, the likeliest first
    "expected": (
        "expected", "expected_label", "expected_output", "target", "gold", "gold_label", "ground_truth", "truth",
        "true_label", "y_true", "reference", "reference_output", "reference_outputs", "ideal", "label",
    ),
    "reply": (
        "reply", "output", "actual_output", "model_output", "prediction", "predicted", "predicted_label", "pred",
        "y_pred", "response", "completion", "answer", "generated_text", "outputs", "label",
    ),
    "case": (
        "case", "case_id", "example_id", "reference_example_id", "dataset_item_id", "sample_id", "doc_id", "id",
        "row_id", "index",
    ),
    "repeat": ("repeat", "epoch", "iteration", "repetition", "repetition_number"),
    "candidate": ("candidate", "provider", "model", "model_name"),
    "latency": ("latency", "response_time", "duration", "elapsed", "time"),
    "error": ("error", "failure", "exception", "error_message"),
}  # fmt: skip
Rows: TypeAlias = Sequence[tuple[int, dict[str, Any]]]  # line, column -> cell
NO_TIME = frozenset({"", "nan", "none", "null", "n/a"})  # words of a cell that holds none
_UNIT = re.compile(r"(?P<name>.+?)[ _(\[]+(?P<unit>ms|msec|millis|milliseconds|s|sec|secs|seconds)[)\]]?")
_TIMED = re.compile(r"(?P<column>.+):(?P<unit>ms|s)")
_IN_CELLS = re.compile(r"\s*[\d.,]+\s*(?:us|µs|ms|s|sec|min)\s*")
_NOT_REACHED, _NOTHING = object(), object()  # no such place; a place in what is null, as where a call failed


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands, and how many seconds one of the latency's column is; None where its cells say so."""

    of: Mapping[str, str]
    candidate: str  # of all rows, where no column has it
    seconds: float | None
    untimed: str = ""  # a column of times that nobody gave a unit

    def shown(self) -> str:
        """Say what was read as what."""
        pairs = ", ".join(f"{name} = {shown(column)}" for name, column in self.of.items())
        return f"columns: {pairs} (others: --expected NAME, --reply NAME, ...)"


def plain(name: str) -> str:
    """Write a name of a column as `KNOWN` does: `expectedOutput` and `Expected output` are one."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip().strip('"'))
    return re.sub(r"[\s_-]+", "_", apart).casefold()


def told(columns: Sequence[str]) -> dict[str, str]:
    """Tell fields by the names of columns; no column is two fields."""
    found: dict[str, str] = {}
    names = {plain(column): column for column in reversed(columns)}
    for name, known in KNOWN.items():
        one = next((names[each] for each in known if each in names and names[each] not in found.values()), None)
        if one is None and name == "latency":
            one = next((c for each, c in names.items() if (u := _UNIT.fullmatch(each)) and u["name"] in known), None)
        if one is not None:
            found[name] = one
    if "reply" not in found and found.get("expected") == "label":  # the label that was read, beside nothing right
        del found["expected"]
    return found


def reached(row: dict[str, Any], asked: ReadAs) -> dict[str, Any]:
    """Add what an option names inside of an object or a list, or of the text of one; nothing where it leads nowhere.

    Inside of what is null all is null, but for a reply: a row without a place for it has none.
    """
    latency = asked.latency.removesuffix(":s").removesuffix(":ms")
    for name in (asked.expected, asked.reply, asked.case, asked.candidate, latency, asked.error):
        if "." not in name or name in row:
            continue
        steps = name.split(".")
        place = next((n for n in range(len(steps) - 1, 0, -1) if ".".join(steps[:n]) in row), 0)
        value = _inside(row[".".join(steps[:place])], steps[place:]) if place else _NOT_REACHED
        if value is not _NOT_REACHED and not (value is _NOTHING and name == asked.reply):
            row = {**row, name: None if value is _NOTHING else value}
    return row


def _inside(value: object, steps: Sequence[str]) -> object:
    for step in steps:
        value = as_object(value)
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _NOTHING if value is None or value == "" else _NOT_REACHED
    return value


def find_columns(rows: Rows, asked: ReadAs) -> Columns:
    """Find the columns. Raises NotRead where what is asked for is not there, or cannot be told."""
    names = [name for name in dict.fromkeys(name for _, row in rows[:100] for name in row) if name != case.NAMELESS]
    wanted = {name: getattr(asked, name) for name in KNOWN}
    names += [each for each in wanted.values() if each and each not in names and any(each in row for _, row in rows)]
    unit = _TIMED.fullmatch(wanted["latency"]) if wanted["latency"] not in names else None
    if unit is not None:
        wanted["latency"] = unit["column"]
    candidate = wanted["candidate"]
    if candidate in names or candidate.partition(".")[0] in names:
        candidate = ""
    else:  # a name for all rows
        wanted["candidate"] = ""
    named_ones = _named_ones(wanted, names)
    free = [name for name in names if name not in named_ones.values()]
    found = {name: column for name, column in told(free).items() if name not in named_ones} | named_ones
    several = found.pop("candidate", "") if candidate else ""
    if len({Part(row.get(several)).text() for _, row in rows}) > 1:  # as one they would be each other's repeats
        fix = f"Write --candidate {shown(several)}, or judge the rows of one."
        raise NotRead(f"has no column `{shown(candidate)}`, and several names in `{shown(several)}`.", fix)
    for name, what in (("expected", "what would be right"), ("reply", "what came back")):
        if name not in found:
            fix = f"Write --{name} with one of {written.shortlist(names)}."
            raise NotRead(f"does not tell which column holds {what}.", fix)
    if "repeat" in found and "case" not in found:
        raise NotRead("tells repeats, but not of which case.", f"Write --case with one of {written.shortlist(names)}.")
    found = {name: found[name] for name in KNOWN if name in found}
    seconds, timed = _seconds(rows, found.get("latency"), unit["unit"] if unit else "")
    if timed or "latency" not in found:
        return Columns(found, candidate, seconds)
    if wanted["latency"]:
        fix = f"Write --latency {found['latency']}:ms or :s"
        raise NotRead(f"does not tell the unit of `{found['latency']}`.", fix)
    return Columns({n: c for n, c in found.items() if n != "latency"}, candidate, None, untimed=found["latency"])


def _named_ones(wanted: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Give the columns that a user named. Raises NotRead where one is not there, or is two fields."""
    for name, column in wanted.items():
        if column and column not in names:
            raise NotRead(f"has no column `{shown(column)}` for --{name}.", written.did_you_mean(column, names))
    named_ones = {name: column for name, column in wanted.items() if column}
    for column, times in Counter(named_ones.values()).items():
        if times > 1:  # the right answers as replies would make any prompt perfect
            twice = " and ".join(f"--{name}" for name, one in named_ones.items() if one == column)
            raise NotRead(f"has one column `{shown(column)}` for {twice}.", "Name a column for each.")
    return named_ones


def _seconds(rows: Rows, column: str | None, unit: str) -> tuple[float | None, bool]:
    """Tell how many seconds one of a column is, and whether anything tells it."""
    if column is None:
        return None, False
    named_unit = _UNIT.fullmatch(plain(column))
    unit = unit or (named_unit["unit"] if named_unit else "")
    if unit:
        return (1e-3 if unit.startswith("m") else 1.0), True
    cells = [text for _, row in rows if (text := Part(row.get(column)).text().strip()).casefold() not in NO_TIME]
    return None, bool(cells) and all(_IN_CELLS.fullmatch(each) for each in cells)
