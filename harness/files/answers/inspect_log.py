"""Inspect: its logs as JSON and as `.eval` archives, finished or cut off.

A sample stands once for each epoch. A text may be kept apart (`attachment://...`), a reply may be parts of which
some are thoughts, and `completion` may be missing: then it is the text of the first choice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.files.answers.answer import NOT_STORED, UNLABELLED, Failure, Given, Part, Reply, Stored, by, failure, reply
from harness.files.answers.opened import Document, Findings, NotRead, members

NAME = "Inspect"
ASKED: tuple[str, ...] = ()
_CLOCK = "Inspect's clock around the call of the model's client"
_MEMBERS = re.compile(r"header\.json|_journal/start\.json|samples/.+_epoch_\d+(?:/sample)?\.json", re.DOTALL)
_APART = "attachment://"
_RIGHT = ("C", 1, True)  # `1.0 == 1`; a P is half right, and so not right
_GRADES = ("C", "I", "P", "N")
_CHOICE = {"as": "regex", "pattern": r"ANSWER\s*:\s*\(?(?P<label>[A-Z])\b", "match": "last"}
_RULES: dict[str, dict[str, Any]] = {"exact": {"as": "exact"}, "choice": _CHOICE}
_ASKED_FOR = re.compile(r"ANSWER\s*:")  # by the solver `multiple_choice`, whoever scores what it answers
_UNNAMED = "score"
_BATCHED = (("eval", "model_generate_config", "batch"), ("plan", "config", "batch"))


def knows(first: Part) -> bool:
    """Tell whether a document is a log of Inspect."""
    return bool(first.fields("eval")) and bool({"samples", "status"} & first.fields().keys())


def read(file: Path, documents: Sequence[Document], findings: Findings) -> Stored:
    """Read a log that is one JSON document."""
    log = Part(documents[0][1])
    if not isinstance(log.at("samples").value, list):
        raise NotRead("is the head of a log, without samples.", "Name the whole log: `inspect log dump FILE`.")
    return _stored(file, findings, log, {f"samples[{n}]": sample for n, sample in enumerate(log.items("samples"))})


def read_archive(file: Path, findings: Findings) -> Stored:
    """Read a log that is an archive; of a running one what is there."""
    found = {name: Part(value) for name, value in members(file, _MEMBERS, findings)}
    findings.raise_if_any()
    start, head = found.pop("_journal/start.json", None), found.pop("header.json", None)
    log = head or start
    if log is None:
        raise NotRead("is an archive, but no log of Inspect.", "Name a .eval file, or a file of results.")
    return _stored(file, findings, log, found)


def _stored(file: Path, findings: Findings, log: Part, samples: Mapping[str, Part]) -> Stored:
    about = log.at("eval")
    task = about.text("task").rpartition("/")[2] or file.stem
    order = sorted(samples.items(), key=lambda each: each[1].number("epoch") or 0)
    scorers = [*dict.fromkeys(name for _, sample in order for name in _scores(sample).fields()), ""]
    graded = (name for name in scorers if any(_grade(sample, name) is not None for _, sample in order))
    scorer = next(graded, scorers[0])
    seen: dict[tuple[str, float], str] = {}
    answers: list[Given] = []
    aliases: dict[str, tuple[str, ...]] = {}
    choices = 0
    batched = any(log.at(*path).value for path in _BATCHED)
    for place, sample in order:
        once = (sample.text("id"), sample.number("epoch") or 0)
        if once in seen:
            said = f"is sample {once[0]} in epoch {once[1]:.0f} again (first: {seen[once]})."
            findings.add(file, None, place, said, "Judge the log of one run.")
        seen[once] = place
        wanted = Part([_apart(sample, one) for one in sample.items("target") or [sample.at("target")]]).texts()
        if not wanted:
            findings.add(file, None, f"{place}.target", UNLABELLED, "Leave it out.")
            continue
        if wanted[1:]:
            aliases[wanted[0]] = tuple(dict.fromkeys((*aliases.get(wanted[0], ()), *wanted[1:])))
        choices = max(choices, len(sample.items("choices")))
        candidate = f"{task}@{about.text('model') or 'model'}"
        latency = None if batched else sample.seconds("output", "time")  # a reply from its cache has none
        answers.append(_given(sample, wanted[0], candidate, scorer, latency))
    timed = any(given.latency_s is not None for given in answers)
    texts = (given.outcome.text for given in answers if isinstance(given.outcome, Reply))
    letters = choices and any(map(_ASKED_FOR.search, texts))
    return Stored(
        tool=NAME,
        name=task,
        answers=tuple(answers),
        rule_for=by(_RULES.get(scorer, _CHOICE if letters else {"as": "mention"})),
        choices=tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:choices]),
        aliases=aliases,
        clock=_CLOCK if timed else "",
        created_utc=about.utc("created"),
        notes=tuple(_notes(log, [sample for _, sample in order], batched=batched)),
    )


def _notes(log: Part, samples: Sequence[Part], *, batched: bool) -> Iterator[str]:
    about = log.at("eval")
    if (status := log.text("status")) != "success":
        yield f"the log says of itself: {status or 'not finished'}"
    wanted = (about.number("dataset", "samples") or 0) * (about.number("config", "epochs") or 1)
    limited = about.at("config", "limit").value is not None or about.at("config", "sample_id").value is not None
    if len(samples) < wanted and not limited:
        yield f"the log holds {len(samples):,} of {wanted:,.0f} samples; what is not there is not judged"
    if invalid := sum(bool(sample.fields("invalidation")) for sample in samples):
        yield f"{invalid:,} of {len(samples):,} samples were marked as invalid there; they are judged as the others"
    if batched:
        yield "the answers came in batches: no time is the endpoint's, and none is read"


def _given(sample: Part, wanted: str, candidate: str, scorer: str, latency: float | None) -> Given:
    talk = [f"{each.text('role')}: {_content(each.at('content'))}" for each in sample.items("input")]
    inputs = {"input": "\n\n".join(talk) or _apart(sample, sample.at("input"))}
    if choices := sample.text("choices"):
        inputs["choices"] = choices
    return Given(
        case=sample.name("id", otherwise=inputs),
        expected=wanted,
        outcome=_outcome(sample),
        candidate=candidate,
        latency_s=latency,
        inputs=Part(inputs).inputs(),
        passed=_grade(sample, scorer),
    )


def _scores(sample: Part) -> Part:
    """Give what each scorer said; the first logs had one, without a name."""
    first = sample.fields("score")
    return Part({_UNNAMED: first} if first else sample.fields("scores"))


def _grade(sample: Part, scorer: str) -> bool | None:
    """Tell whether a scorer let a sample pass; None where it gave no grade, such as a list, or the label it read."""
    value = _scores(sample).at(scorer, "value").value
    return value in _RIGHT if isinstance(value, (int, float)) or value in _GRADES else None


def _outcome(sample: Part) -> Reply | Failure:
    output = sample.at("output")
    if error := sample.text("error", "message") or sample.text("error"):
        return failure(error)
    if output.text("error") and not output.items("choices"):
        return failure(output.text("error"))
    said = output.at("completion")
    if not said.value and not output.items("choices"):  # no model answered
        limit = sample.text("limit", "reason") or sample.text("limit", "type")
        return failure(f"Inspect stopped it at a limit: {limit}") if limit else NOT_STORED
    if not isinstance(said.value, str):
        said = Part(_content(output.at("choices", 0, "message", "content")))
    usage = output.at("usage").usage("input_tokens", "output_tokens", "input_tokens_cache_read")
    return reply(_apart(sample, said), usage, output.text("choices", 0, "stop_reason"))


def _content(content: Part) -> str:
    """Give the text of a message; parts that are thoughts, pictures or calls say nothing."""
    if isinstance(content.value, list):
        return "".join(part.text("text") for part in content.items() if part.text("type") == "text")
    return content.text()


def _apart(sample: Part, text: Part) -> str:
    """Give a text, or what is kept for it elsewhere in its sample. Raises NotRead where that is gone."""
    said = text.text()
    if not said.startswith(_APART):
        return said
    kept = sample.at("attachments", said.removeprefix(_APART))
    if kept.value is None:
        raise NotRead(f"keeps the text `{said[:60]}` in a place that is not there.", "Write the log as .json first.")
    return kept.text()
