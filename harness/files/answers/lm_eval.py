"""lm-evaluation-harness: `samples_*.jsonl`, one line for each document and filter; no latencies, no tokens.

Of a multiple choice it keeps the log-probability of each choice: the reply is the likeliest. The right answer is
then a choice's place or its text; which of the two it is, is told by the tool's own `acc`.
"""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from harness.files.answers.answer import NOT_STORED, UNLABELLED, Failure, Given, Part, Reply, Stored, by, reply
from harness.files.answers.opened import Document, Findings, NotRead, as_object, shown

NAME = "lm-evaluation-harness"
ASKED = ("part",)
_FILE = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)[.\d]*)?")
_METRICS = ("acc", "exact_match", "exact_match,none", "acc,none", "em")
_Rows: TypeAlias = Sequence[tuple[int | None, Part]]
_GREEDY = {"true", "false"}  # stands beside a log-probability
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def knows(first: Part) -> bool:
    """Tell whether a first line is one of its samples, or a list of them, as its first versions wrote."""
    first = (first.items() or [first])[0]
    return "doc_id" in first.fields() and bool({"filtered_resps", "resps"} & first.fields().keys())


def read(file: Path, documents: Sequence[Document], findings: Findings, part: str) -> Stored:
    """Read the samples of one filter: the only one, or the one that `part` names. Raises NotRead."""
    every = [(line, Part(row)) for line, row in documents]
    if every[0][1].items():
        every = [(None, row) for row in every[0][1].items()]
    filters = [*dict.fromkeys(row.text("filter") for _, row in every)]
    if part not in filters and (part or len(filters) > 1):
        said = f"has no filter `{shown(part)}`." if part else f"holds all documents for each of {len(filters)} filters."
        raise NotRead(said, f"Choose one: --part {filters[-1]} (there are {shown(', '.join(filters), 200)}).")
    chosen = part or filters[0]
    rows = [(line, row) for line, row in every if row.text("filter") == chosen]
    first: dict[str, int | None] = {}
    for line, row in rows:
        if (doc := row.text("doc_id")) in first:
            before = f" (first on line {first[doc]})" if line else ""
            said = f"is document {shown(doc)} again{before}."
            findings.add(file, line, _place(line, row, "doc_id"), said, "Judge the samples of one task and one run.")
        first.setdefault(doc, line)
    title = _FILE.fullmatch(file.stem)
    task = title["task"] if title else file.stem
    date = re.sub(r"T(\d\d)-(\d\d)-", r"T\1:\2:", title["date"] or "") if title else ""
    folder = file.resolve().parent.name
    candidate = f"{task}@{folder.replace('__', '/')}" if "__" in folder else f"{task}@model"
    notes = [f"filter {chosen}"] if chosen else []
    odds = [_likelihoods(row) for _, row in rows]
    choices: tuple[str, ...] = ()
    aliases: dict[str, tuple[str, ...]] = {}
    rule: dict[str, Any] = {"as": "exact"}
    if all(odds):
        answers, choices = _of_choices(file, rows, odds, findings)
        rule["case_sensitive"] = True
        if choices[:2] == ("A", "B"):
            notes.append("labels are the letters of the choices")
    else:
        repeated = any(len(_raw(row)) > 1 for _, row in rows)
        answers = [*_of_texts(file, rows, findings, aliases, repeated=repeated)]
        if repeated:
            rule["as"] = "mention"
            notes.append("documents were answered several times: all answers are judged, as they came, not filtered")
    return Stored(
        tool=NAME,
        name=task,
        answers=tuple(msgspec.structs.replace(given, candidate=candidate) for given in answers),
        rule_for=by(rule),
        choices=choices,
        aliases=aliases,
        created_utc=Part(date).utc(),
        notes=tuple(notes),
    )


def _place(line: int | None, row: Part, name: str) -> str:
    return name if line else f"doc_id {shown(row.text('doc_id'))}: {name}"


def _passed(row: Part) -> bool | None:
    found = next((value for name in _METRICS if (value := row.at(name).value) is not None), None)
    return None if found is None else found in (1, True)


def _given(row: Part, wanted: str, outcome: Reply | Failure, passed: bool | None) -> Given:
    fields = Part(row.fields("doc") or {"doc": row.text("doc")})
    case = row.name("doc_id", otherwise=fields.value)
    return Given(case=case, expected=wanted, outcome=outcome, inputs=fields.inputs(), passed=passed)


def _raw(row: Part) -> list[Part]:
    return row.items("resps", 0) or [row.at("resps", 0)]


def _targets(row: Part) -> tuple[str, ...]:
    """Give all that is right; a list of them stands in newer files as Python shows it."""
    shown_as = row.at("target").value
    return Part(as_object(shown_as.strip() if isinstance(shown_as, str) else shown_as)).texts()


def _of_texts(
    file: Path, rows: _Rows, findings: Findings, aliases: dict[str, tuple[str, ...]], *, repeated: bool
) -> Iterator[Given]:
    for line, row in rows:
        wanted, *others = _targets(row) or ("",)
        if not wanted:
            findings.add(file, line, _place(line, row, "target"), UNLABELLED, "Leave it out.")
            continue
        if any(len(one.items()) == 2 and one.text(1).casefold() in _GREEDY for one in row.items("filtered_resps")):
            wrong = "holds log-probabilities by which no choice is the likeliest: of one text alone, or no numbers."
            findings.add(
                file,
                line,
                _place(line, row, "filtered_resps"),
                wrong,
                "Judge a task that generates, or that has choices.",
            )
            continue
        if others:
            aliases[wanted] = tuple(dict.fromkeys((*aliases.get(wanted, ()), *others)))
        filtered = row.items("filtered_resps", 0)[:1] or [row.at("filtered_resps", 0)]
        for said in _raw(row) if repeated else filtered:
            outcome = NOT_STORED if said.value is None else reply(said.text())
            yield _given(row, wanted, outcome, None if repeated else _passed(row))


def _likelihoods(row: Part) -> list[float]:
    """Give the log-probability of each choice; nothing where the replies are texts."""
    each = row.items("filtered_resps")
    if "acc_mutual_info" in row.fields():  # the second half was asked without the question
        each = each[: len(each) // 2]
    if len(each) < 2 or any(len(one.items()) != 2 for one in each):
        return []
    try:
        found = [float(one.text(0)) for one in each]
    except ValueError:
        return []
    return [] if any(map(math.isnan, found)) else found


def _of_choices(
    file: Path, rows: _Rows, odds: Sequence[list[float]], findings: Findings
) -> tuple[list[Given], tuple[str, ...]]:
    """Give the likeliest choice of each document, by its text where all have the same ones, else by its letter."""
    texts = []
    for (_, row), likely in zip(rows, odds, strict=True):
        asked = [Part(one) for one in row.fields("arguments").values()] or row.items("arguments")
        texts.append([(one.text("arg_1") or one.text(1)).strip() for one in asked][: len(likely)])
    alike = len({tuple(sorted(each)) for each in texts}) == 1 and len(set(texts[0])) == len(odds[0])
    best = [each.index(max(each)) for each in odds]
    told = [(row.text("target").strip(), _targets(row)) for _, row in rows]
    targets = [right[0] if len(right) == 1 else written for written, right in told]

    def fit(right: Sequence[int]) -> tuple[int, int]:
        """Count where a reading of the targets says of the likeliest choice what the tool said."""
        agreed = sum((b == r) == _passed(row) for (_, row), b, r in zip(rows, best, right, strict=True))
        return agreed, sum(each >= 0 for each in right)

    whole = [one.removesuffix(".0") for one in targets]
    places = [int(one) if one in map(str, range(len(each))) else -1 for one, each in zip(whole, texts, strict=True)]
    by_text = [each.index(one) if one in each else -1 for one, each in zip(targets, texts, strict=True)]
    found = max(places, by_text, key=fit)
    answers = []
    for (line, row), each, mine, wanted in zip(rows, texts, best, found, strict=True):
        if wanted < 0 or mine >= len(each) or len(each) > len(_LETTERS):
            several = len(_targets(row)) > 1
            said = "names several right choices: a label is one." if several else "is none of the choices."
            findings.add(file, line, _place(line, row, "target"), said, "Leave the line out.")
            continue
        names = each if alike else _LETTERS
        answers.append(_given(row, names[wanted], reply(names[mine]), _passed(row)))
    return answers, tuple(texts[0]) if alike else tuple(_LETTERS[: max(map(len, texts))])
