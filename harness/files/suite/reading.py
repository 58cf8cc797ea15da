"""Reads a suite: what is wrong with it by itself, each at its line."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from harness.files.suite.model import CaseFile, Suite
from harness.files.written import (
    Checked,
    Findings,
    Path_,
    did_you_mean,
    read_model,
    shown,
)

SUITE_TEXTS: tuple[Path_, ...] = (
    *(
        (key,)
        for key in ("name", "description", "labels", "positive", "cases", "prompts", "models", "volume")
    ),
    *(
        (key, "*")
        for key in ("labels", "cases", "prompts", "models", "columns", "perturbations", "thresholds")
    ),
    ("perturbations",),
    ("thresholds",),
    ("reply", "pattern"),
    ("reply", "aliases", "**"),
    *(
        (*at, *keys)
        for at in (("cases",), ("cases", "*"))
        for keys in (("file",), ("separator",), ("header", "*"), ("sheet",), ("encoding",), ("values", "**"))
    ),
)


_NO_SUITES = {  # what is often named in place of one
    "harness.yml": "the project's file",
    ".prompt.yml": "a prompt",
    ".prompt.yaml": "a prompt",
    ".jsonl": "a file of cases",
    ".csv": "a file of cases",
    ".parquet": "a file of cases",
}


def read_suite(path: Path, findings: Findings) -> Checked[Suite] | None:
    """Read a suite; with stand-ins for its broken parts, None when nothing can be made of it."""
    kind = next((what for ending, what in _NO_SUITES.items() if path.name.endswith(ending)), None)
    if kind is not None and path.is_file():
        findings.add(path, None, "", f"is {kind}, not a suite.", "Name a *.suite.yml file.")
        return None
    stand_ins = {"name": "suite", "labels": ["a", "b"], "cases": ["none"]}
    checked = read_model(Suite, path, findings, texts=SUITE_TEXTS, stand_ins=stand_ins)
    if checked is None:
        return None
    _suite_problems(checked)
    return checked.updated(path=path)


def _said(entry: str | CaseFile) -> str:
    """Give an entry of a list as a text; the sheets of one file are two entries."""
    if isinstance(entry, str):
        return entry
    return f"{entry.file}, sheet {entry.sheet}" if entry.sheet else entry.file


def _suite_problems(checked: Checked[Suite]) -> None:
    suite = checked.model
    if checked.whole("labels"):
        _label_problems(checked)
    if checked.whole("reply"):
        _reply_problems(checked)
    for field in ("thresholds", "perturbations", "models", "prompts", "cases"):
        texts = [_said(each) for each in getattr(suite, field)]
        for text, n in Counter(texts).items():
            if n > 1:
                at = len(texts) - 1 - texts[::-1].index(text)
                checked.problem((field, at), f"`{shown(text)}` stands twice.", "Keep one of them.")
    odd = [label for label, value in suite.prevalence.items() if not 0 < value < 1]
    for label in odd:
        checked.problem(("prevalence", label), "must lie between 0% and 100%.")
    if not odd and sum(suite.prevalence.values()) > 1 + 1e-9:
        checked.problem(("prevalence",), "the shares sum to more than 100%.")
    if suite.costs is not None and suite.positive is None and checked.whole("positive"):
        checked.problem(("costs",), "costs per error need a positive label.", "Add `positive:`.")


def _label_problems(checked: Checked[Suite]) -> None:
    suite = checked.model
    seen: dict[str, str] = {}
    for i, label in enumerate(suite.labels):
        folded = unicodedata.normalize("NFC", label)  # two forms of one text look the same to everybody
        folded = folded if suite.reply.case_sensitive else folded.casefold()
        if not label.strip() or label != label.strip() or not label.isprintable() or len(label) > 200:
            checked.problem(
                ("labels", i),
                f"`{shown(label)}` is not a label.",
                "Write a short text without edges of spaces.",
            )
        if folded in seen:
            message = f"`{shown(label)}` and `{shown(seen[folded])}` are the same label."
            checked.problem(("labels", i), message, "Keep one of them, or set `reply.case_sensitive: true`.")
        seen[folded] = label
    named: list[tuple[Path_, str]] = [(("prevalence", label), label) for label in suite.prevalence]
    named += [(("reply", "aliases", label), label) for label in suite.reply.aliases]
    if suite.positive is not None:
        named.append((("positive",), suite.positive))
    for at, label in named:
        if label not in suite.labels:
            checked.problem(
                at, f"`{shown(label)}` is not one of the labels.", did_you_mean(label, suite.labels)
            )


def _reply_problems(checked: Checked[Suite]) -> None:
    rule = checked.model.reply
    fold: Callable[[str], str] = str if rule.case_sensitive else str.casefold
    owner = {fold(label): label for label in checked.model.labels} if checked.whole("labels") else {}
    for label, aliases in rule.aliases.items():
        for i, alias in enumerate(aliases):
            at = ("reply", "aliases", label, i)
            other = owner.setdefault(fold(alias), label)
            if not alias.strip():
                checked.problem(at, "is empty.", "Remove it.")
            elif other != label:
                checked.problem(at, f"`{shown(alias)}` already means `{shown(other)}`.", "Keep one meaning.")
    if rule.as_ == "regex":
        if rule.pattern is None:
            checked.problem(("reply", "pattern"), "is required for `as: regex`.", "Add `pattern:`.")
        else:
            try:
                re.compile(rule.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                checked.problem(("reply", "pattern"), f"is not a regular expression: {error}.")
    elif rule.pattern is not None:
        checked.problem(("reply", "pattern"), f"does not apply to `as: {rule.as_}`.", "Use `as: regex`.")
