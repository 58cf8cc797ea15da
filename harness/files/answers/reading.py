"""Which tool wrote a file, told by what stands in it."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import msgspec

from harness.files.answers import deepeval, inspect_log, lm_eval, openai_evals, promptfoo, table
from harness.files.answers.answer import LONGEST_NAME, Part, Reply, Stored
from harness.files.answers.opened import Findings, NotRead, ReadAs, begins_with, documents, shown
from harness.files.written import first_sign

_TOOLS: tuple[Any, ...] = (openai_evals, lm_eval, deepeval, inspect_log, promptfoo)
LONGEST_REPLY = 1 << 20  # characters
_NO_RESULTS = (".yaml", ".yml", ".html", ".htm", ".xml", ".md", ".py", ".ipynb")


def read_stored(file: Path, asked: ReadAs) -> Stored:
    """Read the answers of a file of any tool. Raises FilesError with all that is wrong with it."""
    findings = Findings()
    stored: Stored | None = None
    try:
        stored = _read(file, asked, findings)
        # Other words for a label are taken as that label, where they are right elsewhere
        label_of: dict[str, str] = {}
        for label, words in stored.aliases.items():
            for word in words:
                if label_of.setdefault(word, label) != label or stored.aliases.get(word):
                    said = f"takes `{shown(word)}` and others for right, now with `{shown(label)}`, now otherwise."
                    raise NotRead(said, "Judge answers of which one label is right.")
        renamed = msgspec.structs.replace
        answers = (renamed(given, expected=label_of.get(given.expected, given.expected)) for given in stored.answers)
        stored = _one_spelling(replace(stored, answers=tuple(answers)))
        if not stored.answers and not findings.total:
            findings.add(file, None, "", "holds no answers.", "Name the file that the tool wrote its results to.")
        if any(len(choice) > LONGEST_NAME for choice in stored.choices):
            said = f"has a choice of more than {LONGEST_NAME} characters: a text, and no label."
            findings.add(file, None, "", said, "Judge a task whose choices are labels.")
        for given in stored.answers:
            if len(given.expected) > LONGEST_NAME:
                said = f"its right answer is longer than {LONGEST_NAME} characters: a text, and no label."
                findings.add(file, None, shown(given.case), said, "Name what holds the label.")
            if isinstance(given.outcome, Reply) and len(given.outcome.text) > LONGEST_REPLY:
                findings.add(file, None, shown(given.case), f"its reply is longer than {LONGEST_REPLY:,} characters.")
    except NotRead as why:
        findings.add(file, None, "", str(why), why.fix)
    findings.raise_if_any()
    assert stored is not None, "what is not read is refused"
    with file.open("rb") as source:
        return replace(stored, sha256=hashlib.file_digest(source, "sha256").hexdigest())


def _one_spelling(stored: Stored) -> Stored:
    """Take labels for one that differ in how an accent is written, or by case where replies are read so.

    It is written as most answers have it, with whole characters (NFC), as replies are read.
    """
    often = Counter(given.expected for given in stored.answers)
    cased = bool(often) and stored.rule_for([*often]).get("case_sensitive")

    def fold(label: str) -> str:
        whole = normalize("NFC", label)
        return whole if cased else whole.casefold()

    written: dict[str, str] = {}
    for label, _ in often.most_common():
        written.setdefault(fold(label), normalize("NFC", label))
    others = [label for label in often if written[fold(label)] != label]
    if not others:
        return stored

    def one(label: str) -> str:
        return written.get(fold(label), label)

    aliases: dict[str, tuple[str, ...]] = {}
    for label, words in stored.aliases.items():
        aliases[one(label)] = (*aliases.get(one(label), ()), *words)
    told = f"labels that differ by case or accents' form alone are one: {shown(others[0])} is {shown(one(others[0]))}"
    return replace(
        stored,
        answers=tuple(msgspec.structs.replace(given, expected=one(given.expected)) for given in stored.answers),
        choices=tuple(dict.fromkeys(map(one, stored.choices))),
        aliases=aliases,
        notes=(*stored.notes, told),
    )


def _read(file: Path, asked: ReadAs, findings: Findings) -> Stored:
    head = begins_with(file)
    if head.startswith(b"SQLite format 3"):
        asked.refuse_others(promptfoo.NAME, ("expected", "part"))
        return promptfoo.read_database(file, asked.expected, asked.part, findings)
    if head.startswith(b"PK") and not file.name.lower().endswith(table.SHEETS):
        asked.refuse_others(inspect_log.NAME, ())
        return inspect_log.read_archive(file, findings)
    if file.suffix.lower() in _NO_RESULTS:
        raise NotRead("is in no form that results are read in.", "Let the tool write JSON, such as: -o results.json")
    found = documents(file, findings) if first_sign(head) in {"{", "["} else []
    if found:
        for tool in _TOOLS:
            if tool.knows(Part(found[0][1])):
                asked.refuse_others(tool.NAME, tool.ASKED)
                stored: Stored = tool.read(file, found, findings, *(getattr(asked, name) for name in tool.ASKED))
                return stored
    findings.raise_if_any()
    return table.read(file, found, asked, findings)
