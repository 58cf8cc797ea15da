"""Reads a suite: what is wrong with it by itself, each at its line."""

import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.files import written
from harness.files.label_names import names_a_file, read_names
from harness.files.suite.model import CaseFile, Suite
from harness.files.suite.pattern import Pattern, PatternRefused

SUITE_TEXTS: tuple[written.Path_, ...] = (
    *((key,) for key in ("name", "description", "labels", "positive", "cases", "prompts", "models", "volume")),
    *((key, "*") for key in ("labels", "cases", "prompts", "models", "columns", "perturbations", "thresholds")),
    ("perturbations",),
    ("thresholds",),
    ("reply", "pattern"),
    ("reply", "aliases", "**"),
    *(("cases", *each, key) for each in ((), ("*",)) for key in ("file", "separator", "sheet", "encoding")),
    *(
        ("cases", *each, *keys)
        for each in ((), ("*",))
        for keys in (("header", "*"), ("values", "**"), ("beside", "*"))
    ),
)
_STAND_INS = {"name": "suite", "labels": ["a", "b"], "cases": ["none"]}
_NO_SUITES = {  # what is often named in place of one
    "harness.yml": "the project's file",
    ".prompt.yml": "a prompt",
    ".prompt.yaml": "a prompt",
    ".jsonl": "a file of cases",
    ".csv": "a file of cases",
    ".parquet": "a file of cases",
}


def read_suite(path: Path, findings: written.Findings, root: Path | None = None) -> written.Checked[Suite] | None:
    """Read a suite; with stand-ins for its broken parts, None when nothing can be made of it.

    A file of labels is read where `root` says what it must lie in; without it such labels stay unknown.
    """
    kind = next((what for ending, what in _NO_SUITES.items() if path.name.endswith(ending)), None)
    if kind is not None and path.is_file():
        findings.add(path, None, "", f"is {kind}, not a suite.", "Name a *.suite.yml file.")
        return None
    tree = written.read_tree(path, findings)
    if tree is None:
        return None
    labels_file, known = _labels_of_file(tree, path, findings, root)
    checked = written.check(Suite, tree, path, findings, texts=SUITE_TEXTS, stand_ins=_STAND_INS)
    if checked is None:
        return None
    checked = checked.updated(labels_file=labels_file)
    if not known:
        checked = replace(checked, broken=checked.broken | {"labels"})
    _suite_problems(checked)
    return checked.updated(path=path)


def _labels_of_file(
    tree: written.Entries, path: Path, findings: written.Findings, root: Path | None
) -> tuple[str, bool]:
    """Put the names of `labels: {file: ...}` into the tree: gives the file, and whether they are known."""
    line, node = tree.entries.get("labels", (1, None))
    if not isinstance(node, written.Entries):
        return "", True

    def tell(message: str, fix: str) -> None:
        findings.add(path, line, "labels.file", message, fix)

    entry = node.entries.get("file", (line, None))[1]
    column = tree.at(("columns", "expected"))[0]
    names = None
    if not isinstance(entry, written.Scalar) or len(node.entries) > 1:
        fix = "Write `labels: {file: classes.txt}`."
        findings.add(path, line, "labels", "must be a list of labels, or name one file of them.", fix)
    elif root is not None and (files := written.named_files(entry.text, path.parent, root, tell)):
        names = read_names(files[0], findings, column.text if isinstance(column, written.Scalar) else "label")
    found = _STAND_INS["labels"] if names is None else names.names
    tree.entries["labels"] = (
        line,
        written.Items(line, [written.Scalar(name, plain=False, line=line) for name in found]),
    )
    return entry.text if isinstance(entry, written.Scalar) else "", names is not None


def files_beside(suite: Suite) -> list[str]:
    """Give what a suite reads besides its prompts, as written: files of labels, cases and values."""
    named = [suite.labels_file] if suite.labels_file else []
    for form in suite.cases:
        named += [form.file, *form.beside.values()]
        named += [names["file"] for names in form.values.values() if names_a_file(names)]
    return named


def _said(entry: str | CaseFile) -> str:
    """Give an entry of a list as a text; the sheets of one file are two entries."""
    if isinstance(entry, str):
        return entry
    return f"{entry.file}, sheet {entry.sheet}" if entry.sheet else entry.file


def _suite_problems(checked: written.Checked[Suite]) -> None:
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
                checked.problem((field, at), f"`{written.shown(text)}` stands twice.", "Keep one of them.")
    odd = [label for label, value in suite.prevalence.items() if not 0 < value < 1]
    for label in odd:
        checked.problem(("prevalence", label), "must lie between 0% and 100%.")
    if not odd and sum(suite.prevalence.values()) > 1 + 1e-9:
        checked.problem(("prevalence",), "the shares sum to more than 100%.")
    if suite.costs is not None and suite.positive is None and checked.whole("positive"):
        checked.problem(("costs",), "costs per error need a positive label.", "Add `positive:`.")


def _label_problems(checked: written.Checked[Suite]) -> None:
    suite = checked.model
    seen: dict[str, str] = {}
    for i, label in enumerate(suite.labels):
        folded = unicodedata.normalize("NFC", label)  # two forms of one text look the same to everybody
        folded = folded if suite.reply.case_sensitive else folded.casefold()
        if not label.strip() or label != label.strip() or not label.isprintable() or len(label) > 200:
            said = f"`{written.shown(label)}` is not a label."
            checked.problem(("labels", i), said, "Write a short text without edges of spaces.")
        if folded in seen:
            first = seen[folded]
            look = unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", label)
            message = f"`{written.shown(label)}` and `{written.shown(first)}` are the same label."
            by_case = "Keep one of them, or set `reply.case_sensitive: true`."
            in_form = "Keep one of them: they look alike, and differ in their Unicode form at most."
            checked.problem(("labels", i), message, in_form if look else by_case)
        seen[folded] = label
    named: list[tuple[written.Path_, str]] = [(("prevalence", label), label) for label in suite.prevalence]
    named += [(("reply", "aliases", label), label) for label in suite.reply.aliases]
    if suite.positive is not None:
        named.append((("positive",), suite.positive))
    for at, label in named:
        if label not in suite.labels:
            checked.problem(
                at, f"`{written.shown(label)}` is not one of the labels.", written.did_you_mean(label, suite.labels)
            )


def _reply_problems(checked: written.Checked[Suite]) -> None:
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
                checked.problem(
                    at, f"`{written.shown(alias)}` already means `{written.shown(other)}`.", "Keep one meaning."
                )
    if rule.from_ == "tool" and rule.as_ != "json":
        fix = "Write `reply: {as: json, from: tool, pointer: /label}`."
        checked.problem(("reply", "from"), f"does not apply to `as: {rule.as_}`: arguments are JSON.", fix)
    if rule.as_ == "regex":
        if rule.pattern is None:
            checked.problem(("reply", "pattern"), "is required for `as: regex`.", "Add `pattern:`.")
        else:
            try:
                Pattern(rule.pattern, case_sensitive=rule.case_sensitive)
            except PatternRefused as error:
                checked.problem(("reply", "pattern"), str(error), error.fix)
    for kind, keys in (("regex", {"pattern", "match"}), ("json", {"pointer", "score"})):
        for key in sorted(keys & rule.model_fields_set) if rule.as_ != kind else ():
            checked.problem(("reply", key), f"does not apply to `as: {rule.as_}`.", f"Use `as: {kind}`.")
