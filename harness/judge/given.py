"""Answers that others collected -> a manifest and events, so that they are judged as any run.

Whoever collected them has the prompt and the clock: a candidate here is a name, and a latency is one that was told.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

from msgspec import structs

from harness.files.answers import Given, Stored, reply
from harness.files.digest import digest, trial_key
from harness.files.suite import Pattern, PatternRefused, Suite, default_thresholds, suite_digest
from harness.files.thresholds import metric_of
from harness.judge.labels import LabelReader, said
from harness.judge.wording.causes import count, listed, quoted
from harness.record import Attempt, CaseRow, Event, Failure, Record, Session
from harness.rundir import SCHEMA_VERSION, CandidateEntry, FileDigest, Manifest

_MOST_LABELS = 1000  # of a suite
_MISSING = {"NAType", "MaskedConstant"}  # of pandas and numpy
_NAMED = 3  # answers that are read otherwise here


def answers_of(
    expected: Iterable[object],
    predicted: Iterable[object],
    cases: Iterable[object] | None,
    latency_s: Iterable[float] | None,
) -> list[Given]:
    """Pair sequences by place, whatever index they have of their own. Raises ValueError.

    Labels that Python calls equal (1, 1.0 and True) are one, in the first way of writing; a prediction may be missing.
    """
    given = {"expected": expected, "predicted": predicted, "cases": cases, "latency_s": latency_s}
    columns = {key: _column(key, values) for key, values in given.items() if values is not None}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) != 1 or not lengths["expected"]:
        told = ", ".join(f"{key} has {n}" for key, n in lengths.items())
        raise ValueError(f"{told}. Give sequences of one length, and at least one row.")
    known: dict[object, str] = {}
    answers = []
    for row in range(lengths["expected"]):
        right, answer, case, took = (columns[key][row] if key in columns else None for key in given)
        if right in {None, ""}:
            raise ValueError(f"expected[{row}] is missing: nothing would be right.")
        if case is None and cases is not None:
            raise ValueError(f"cases[{row}] is missing: name the case of every row, or leave `cases` out.")
        timed = isinstance(took, (float, Real, Decimal)) and "timedelta" not in type(took).__name__  # numpy's is a Real
        if took is not None and not (timed and 0 <= float(took) < math.inf):
            raise ValueError(f"latency_s[{row}] is {took}: must be seconds, 0 or more.")
        label, text = (known.setdefault(one, str(one)) for one in (right, answer))
        answers.append(
            Given(
                case=str(row if cases is None else case),
                expected=label,
                outcome=reply(None if answer is None else text),
                latency_s=None if took is None else float(took),
            )
        )
    if len(known.keys() - {None, ""}) < 2:
        raise ValueError(f"all labels are {label!r}. Give rows of at least two labels.")
    return answers


def _column(name: str, values: Any) -> list[Any]:  # noqa: ANN401 - whatever iterates
    """Give the values of a sequence, None where pandas and numpy write that there is none. Raises ValueError."""
    if isinstance(values, (str, bytes, Mapping)) or len(getattr(values, "columns", ())) > 0:
        raise ValueError(f"{name} is a {type(values).__name__}. Give a sequence with a value for each row.")
    found: list[Any] = []
    for row, value in enumerate(values):
        missing = type(value).__name__ in _MISSING
        if not missing and not isinstance(value, Hashable):
            what = f"{name}[{row}] is a {type(value).__name__}."
            raise ValueError(f"{what} Give one value for each row, such as a label.")
        missing = missing or value != value  # noqa: PLR0124 (only a NaN differs from itself)
        found.append(None if missing else value.decode() if isinstance(value, bytes) else value)
    return found


def given_run(answers: Sequence[Given], suite: Suite, *, at_utc: str) -> tuple[Manifest, list[Event]]:
    """Make a run of answers; those of one case and candidate are its repeats, in their order.

    Raises ValueError where the answers of one case do not agree in what would be right.
    """
    cases = _cases(answers)
    names = tuple(dict.fromkeys(given.candidate for given in answers))
    events: list[Event] = [*cases.values(), Session(at_utc=at_utc, event="started", planned=len(answers))]
    events += _records(answers, cases)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        run_id=f"given-{suite.name}",
        created_utc=at_utc,
        suite_name=suite.name,
        suite=suite.model_dump(mode="json"),
        suite_digest=suite_digest(suite, tuple(cases.values())),
        candidates=tuple(_candidate(name) for name in names),
        variants=("original",),
        repeats=suite.repeats,
        planned_trials=len(answers),
        seed=suite.seed,
        files=(),
        versions={},
        platform="",
        git_commit=None,
        git_dirty=None,
        command=(),
    )
    return manifest, [*events, Session(at_utc=at_utc, event="finished", planned=len(answers))]


def stored_run(
    stored: Stored, suite: Suite, told: Sequence[str], *, file: str, now: str, version: str, command: tuple[str, ...]
) -> tuple[Manifest, list[Event]]:
    """Make a run of what another tool stored in a file of this name; it began when the tool says.

    `told` is what was said of it, and is kept. Raises ValueError as `given_run` does.
    """
    manifest, events = given_run(stored.answers, suite, at_utc=min(stored.created_utc or now, now))
    source = {"tool": stored.tool, "file": file, "sha256": stored.sha256, "clock": stored.clock, "notes": list(told)}
    made = structs.replace(
        manifest,
        candidates=tuple(structs.replace(each, places={"source": file}) for each in manifest.candidates),
        files=(FileDigest(path=file, sha256=stored.sha256),),
        versions={"prompt-readiness": version},
        command=command,
        notes={"source": source},
    )
    return made, events


def suite_of_stored(stored: Stored, *, labels: str, positive: str, read_as: str, name: str) -> Suite:
    """Give what a suite file would say of stored answers; a user may say what the file does not. Raises ValueError."""
    more = [label.strip() for label in labels.split(",") if label.strip()]
    there = {label.casefold(): label for label in (*stored.choices, *(given.expected for given in stored.answers))}
    for label in more:
        if there.setdefault(label.casefold(), label) != label:
            raise ValueError(f"--labels {label} is its label {there[label.casefold()]} in another case. Leave it out.")
    known = sorted({given.expected for given in stored.answers} | {*stored.choices, *more})
    if len(known) < 2:
        raise ValueError(f"all answers should be `{known[0]}`: name the other labels. Write --labels A,B.")
    if len(known) > _MOST_LABELS:
        raise ValueError(
            f"has {len(known):,} different right answers: these are texts, and no labels. Name another column."
        )
    if positive and positive not in known:
        raise ValueError(f"--positive {positive} is none of its labels: {listed(known, 12)}.")
    rule = {**stored.rule_for(known), "aliases": stored.aliases}
    kind, _, how = read_as.partition(":")
    if kind:
        key = {"exact": "", "mention": "", "json": "pointer", "regex": "pattern"}.get(kind)
        if key is None or bool(how and not key) or (kind == "regex" and not how):
            raise ValueError("--as is none of `exact`, `mention`, `json:/POINTER` and `regex:PATTERN`.")
        if kind == "regex":
            try:
                Pattern(how, case_sensitive=False)
            except PatternRefused as why:
                raise ValueError(f"--as: `{how}` {why} {why.fix}".rstrip()) from None
        rule = {"as": kind, "aliases": stored.aliases} | ({key: how} if how else {})
    plain = "".join(c for c in name or stored.name if c.isprintable() and c not in "/\\")[:100]
    suite = {"name": plain or "judged", "labels": known, "positive": positive or None, "reply": rule}
    return suite_of(suite, stored.answers)


def read_here(stored: Stored, suite: Suite) -> list[str]:
    """Say what a file holds, how many answers its tool found right, and which of them are read otherwise here."""
    answers, of = len(stored.answers), len({given.case for given in stored.answers})
    told = [f"{stored.tool}: {count(answers, 'answer')} to {count(of, 'case')}, read by `{suite.reply.as_}`"]
    told += stored.notes
    if len(suite.labels) > max(20, of // 2):
        told.append(f"{len(suite.labels):,} different right answers to {of:,} cases: these may be texts, and no labels")
    known = [given for given in stored.answers if given.passed is not None]
    reader = LabelReader(suite.reply, suite.labels)
    right = [reader.read(given.outcome).label == given.expected for given in known]
    other = [given for given, mine in zip(known, right, strict=True) if mine != given.passed]
    if known:
        passed = sum(given.passed is True for given in known)
        told.append(f"{stored.tool} itself passed {passed:,} of {len(known):,}; here {sum(right):,} are right")
    for given in other[:_NAMED]:
        theirs = "passed" if given.passed else "did not pass"
        told.append(f"{given.case}: {theirs} there; expected {given.expected}, it said {quoted(said(given.outcome))}")
    if other[_NAMED:]:
        told.append(f"{count(len(other) - _NAMED, 'more answer')} are read otherwise here")
    return told


def decidable(suite: Suite, *, timed: bool, failed: bool = False) -> list[str]:
    """Give the documented defaults that bare answers can meet or miss; on times and failures where these are known."""
    known = [(each.text, metric_of(each.metric)) for each in default_thresholds(suite, splits=())]
    return [
        text
        for text, of in known
        if (timed or not of.clock) and (failed or not of.of_failures) and not (of.earlier or text.startswith("leakage"))
    ]


def suite_of(written: Mapping[str, Any], answers: Sequence[Given]) -> Suite:
    """Read what a suite file would say of answers: name, labels, positive, reply. Raises ValueError."""
    there = {"cases": ["given"], "prompts": ["given"], "models": ["given"], "repeats": _repeats(answers)}
    return Suite.model_validate({**written, **there})


def _repeats(answers: Iterable[Given]) -> int:
    """Say how often each case was answered at least: what some were asked more is no trial that others lack."""
    return min(Counter((given.candidate, given.case) for given in answers).values(), default=1)


def _cases(answers: Iterable[Given]) -> dict[str, CaseRow]:
    cases: dict[str, CaseRow] = {}
    for given in answers:
        row = CaseRow(
            id=given.case,
            digest=digest([given.case, given.inputs]),
            expected=given.expected,
            split=given.split,
            tags=given.tags,
            inputs=given.inputs,
        )
        before = cases.setdefault(given.case, row)
        if before.expected != given.expected:
            said = f"case {given.case!r} is expected to be {before.expected!r} and {given.expected!r}"
            raise ValueError(
                f"{said}. One of them is wrong, or these are two cases: name them apart (in a table: --case COLUMN)."
            )
    return cases


def _candidate(name: str) -> CandidateEntry:
    before, _, after = name.partition("@")  # `prompt@model`, where the answers' tool knows both
    return CandidateEntry(
        name=name,
        prompt_name=before or name,
        model_name=after or name,
        prompt={"text": ""},  # whoever has it did not tell
        model={"endpoint": "replay"},
        prompt_digest=digest(["given", name]),
        model_digest=digest(["given"]),
    )


def _records(answers: Iterable[Given], cases: Mapping[str, CaseRow]) -> Iterator[Record]:
    repeats: Counter[tuple[str, str]] = Counter()
    for given in answers:
        place = (given.candidate, given.case)
        duration = 0 if given.latency_s is None else round(given.latency_s * 1e9)
        failure = given.outcome if isinstance(given.outcome, Failure) else None
        yield Record(
            key=trial_key(given.candidate, "given", cases[given.case].digest, "original", repeats[place]),
            case=given.case,
            candidate=given.candidate,
            repeat=repeats[place],
            outcome=given.outcome,
            attempts=(Attempt(duration_ns=duration, failure=failure),),
            recorded=True,
        )
        repeats[place] += 1
