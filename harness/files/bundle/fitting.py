"""Whether the files fit each other: cases and labels, templates and columns, thresholds and their reach."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from harness.files.case import KNOWN, Case
from harness.files.project import ModelEntry
from harness.files.prompts import (
    LISTS,
    Prompt,
    Renderer,
    RenderFailed,
    TemplateRefused,
    compile_template,
    last_user,
    templates,
)
from harness.files.suite import ReplyRule, Suite
from harness.files.thresholds import Threshold, ThresholdError, metric_of, parse_threshold
from harness.files.written import (
    Checked,
    Entries,
    Findings,
    Items,
    Path_,
    Scalar,
    did_you_mean,
    dotted,
    node_at,
    parse_any,
    read_written,
    shortlist,
    shown,
)

COMPLETES = frozenset({"local", "completions", "replay", "http"})
CHATS = frozenset({"local", "chat", "responses", "anthropic", "replay", "http"})


def check_cases(checked: Checked[Suite], cases: Sequence[Case], *, replaced: bool) -> None:
    """Check that the positive label, and more than one label, occur among the cases."""
    if not checked.whole("labels", "positive"):
        return
    counts = Counter(case.expected for case in cases)
    positive = checked.model.positive
    if positive in checked.model.labels and not counts[positive]:
        message = f"no case has the positive label `{shown(positive)}`."
        checked.problem(("positive",), message, "Add such cases, or name another label.")
    elif len(counts) == 1 and not replaced:
        only = next(iter(counts))
        message = f"all cases have the label `{shown(only)}`: nothing can be told apart."
        checked.problem(("cases",), message, "Add cases of the other labels.")


def read_thresholds(
    checked: Checked[Suite], cases: Sequence[Case], repeats: int, models: Iterable[ModelEntry]
) -> tuple[Threshold, ...]:
    """Parse the thresholds and check that these cases can reach them."""
    suite = checked.model
    if not checked.whole("thresholds", "labels", "perturbations"):
        return ()
    tags = {tag for case in cases for tag in case.tags} if cases else None
    splits = {case.split for case in cases if case.split} if cases else None
    currencies = {model.price.currency for model in models}
    found = []
    for i, text in enumerate(suite.thresholds):
        try:
            threshold = parse_threshold(
                text, labels=suite.labels, perturbations=suite.perturbations, tags=tags, splits=splits
            )
        except ThresholdError as error:
            checked.problem(("thresholds", i), f"column {error.column}: {error.message}", error.fix)
            continue
        found.append(threshold)
        why, fix = _unreachable(threshold, suite, cases, repeats, currencies)
        if why:
            checked.problem(("thresholds", i), why, fix)
    return tuple(found)


def _unreachable(
    threshold: Threshold, suite: Suite, cases: Sequence[Case], repeats: int, currencies: Collection[str]
) -> tuple[str, str]:
    metric = metric_of(threshold.metric)
    if metric.selector == "perturbation" and not suite.perturbations:
        return "this suite has no perturbations.", "Add `perturbations:`."
    if metric.repeated and repeats < 2:
        return f"`{threshold.metric}` needs at least two repeats.", "Raise `repeats`."
    if metric.argument == "power" and threshold.argument is not None and threshold.argument > repeats:
        return (
            f"pass^{threshold.argument:g} needs {threshold.argument:g} repeats, there are {repeats}.",
            "Raise `repeats`.",
        )
    if threshold.currency is not None and currencies and threshold.currency not in currencies:
        return (
            f"is in {threshold.currency}, the prices are in {shortlist(sorted(currencies))}.",
            "Use one currency.",
        )
    return _no_such_cases(threshold, cases) if cases else ("", "")


def _no_such_cases(threshold: Threshold, cases: Sequence[Case]) -> tuple[str, str]:
    metric = metric_of(threshold.metric)
    if metric.splits and len({case.split for case in cases if case.split}) < 2:
        return "the cases have no two splits to compare.", "Mark cases as `split: dev` and `split: holdout`."
    inside = [case for case in cases if _inside(case, threshold.where)]
    if not inside:
        return "no case meets all these conditions.", "Ask for fewer."
    mine = sum(case.expected == threshold.label for case in inside)
    among = " among these" if threshold.where else ""
    if metric.counts == "other cases" and mine == len(inside):
        return (
            f"every case{among} has the label `{shown(threshold.label or '')}`: it can't be reached.",
            "Add cases of other labels.",
        )
    if metric.selector == "label" and metric.counts != "other cases" and not mine:
        return (
            f"no case{among} has the label `{shown(threshold.label or '')}`: it can't be reached.",
            "Add such cases.",
        )
    return "", ""


def _inside(case: Case, where: tuple[tuple[str, str], ...]) -> bool:
    return all(name in case.tags if key == "tag" else name == case.split for key, name in where)


def check_prompt(
    read: Checked[Prompt], suite: Checked[Suite], cases: Sequence[Case], sample: Case | None
) -> Prompt | None:
    """Check templates and examples against the cases, then render one case; None when something is wrong."""
    prompt, before = read.model, read.findings.of(read.path)
    columns: set[str] | None = None
    if cases:
        columns = set.intersection(*(set(case.inputs) for case in cases))
    for at, source in templates(prompt):
        _check_template(read, at, source, columns, suite.model)
    if read.whole("examples") and suite.whole("labels", "reply"):
        _check_examples(read, suite.model)
    if (
        sample is not None
        and read.findings.of(read.path) == before
        and read.whole("messages", "text", "examples")
    ):
        _render_once(read, sample)
    return prompt if read.findings.of(read.path) == before else None


def _check_template(
    read: Checked[Prompt], at: tuple[str | int, ...], source: str, columns: set[str] | None, suite: Suite
) -> None:
    try:
        names = compile_template(source).names - LISTS
    except TemplateRefused as refused:
        node, line, _ = node_at(read.tree, at)
        inside = node.line + refused.line if isinstance(node, Scalar) and node.block else line
        field = at[0] if len(at) == 1 else f"messages[{at[1]}].content"
        read.findings.add(read.path, inside, str(field), refused.message)
        return
    for name in sorted(names):
        if name == "expected" or (name == suite.columns.get("expected") and columns and name not in columns):
            read.problem(at, f"`{name}` would give the answer away.", "Remove it from the template.")
        elif name in KNOWN and name not in (columns or ()):
            read.problem(at, f"`{name}` is not an input of a case.", "Only other columns are inputs.")
        elif columns is not None and name not in columns:
            message = f"`{shown(name)}` is not an input that every case has."
            read.problem(at, message, did_you_mean(name, columns))


def _check_examples(read: Checked[Prompt], suite: Suite) -> None:
    words = {*suite.labels, *(alias for aliases in suite.reply.aliases.values() for alias in aliases)}
    for i, example in enumerate(read.model.examples):
        label = example.get("label")
        if label is not None and not _reads_as(label, words, suite.reply):
            message = f"`{shown(label)}` is not one of the suite's labels or their aliases."
            read.problem(("examples", i, "label"), message, did_you_mean(label, words))


def _reads_as(text: str, words: Collection[str], rule: ReplyRule) -> bool:
    """Say whether the reply rule could read this example as one of `words` (labels and aliases)."""
    fold = str if rule.case_sensitive else str.casefold
    folded = {fold(word) for word in words}
    if fold(text.strip()) in folded:
        return True
    if rule.as_ == "json":
        try:
            return any(fold(leaf) in folded for leaf in _leaves(json.loads(text)))
        except (ValueError, RecursionError):
            return False
    if rule.as_ == "regex":
        return bool(rule.pattern and re.search(rule.pattern, text))
    return rule.as_ == "mention" and any(re.search(rf"\b{re.escape(word)}\b", fold(text)) for word in folded)


def _leaves(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)


def _render_once(read: Checked[Prompt], sample: Case) -> None:
    prompt = read.model
    if prompt.examples and prompt.messages and last_user(prompt.messages) is None:
        read.problem(("messages",), "there are examples, but no user message to put them before.", "Add one.")
        return
    try:
        Renderer(prompt).render(sample.inputs)
    except (RenderFailed, TemplateRefused) as error:
        at = ("text",) if prompt.text is not None else ("messages",)
        read.problem(at, f"can't be rendered for the case `{shown(sample.id)}`: {error}")


def check_speaks(prompts: Sequence[Checked[Prompt]], models: Mapping[str, ModelEntry]) -> None:
    """Check that each model's endpoint takes each prompt's kind: text, or chat messages."""
    for read in prompts:
        if read.model.text is None and not read.model.messages:
            continue
        field, speaks = ("messages", CHATS) if read.model.text is None else ("text", COMPLETES)
        for name, entry in models.items():
            if entry.endpoint not in speaks:
                kind = "chat messages" if field == "messages" else "plain text"
                message = f"is {kind}, but the model `{shown(name)}` has `endpoint: {entry.endpoint}`."
                read.problem((field,), message, f"Use an endpoint such as {shortlist(sorted(speaks))}.")


def read_policy(path: Path, suite: Suite) -> tuple[Threshold, ...]:
    """Read thresholds from a file of their own, for the labels and perturbations of `suite`.

    It may be a suite, a mapping with `thresholds`, or a plain list. Raises FilesError.
    """
    findings = Findings()
    found = []
    text = read_written(path, findings)
    node = None if text is None else parse_any(text, path, findings)
    at: Path_ = ()
    if isinstance(node, Entries):
        at = ("thresholds",)
        node = node.entries.get("thresholds", (0, None))[1]
    if isinstance(node, Scalar):
        node = Items(node.line, [node])
    if isinstance(node, Items) and node.items:
        for i, item in enumerate(node.items):
            field = dotted((*at, i))
            if not isinstance(item, Scalar):
                findings.add(path, item.line, field, "must be text.", "Write `accuracy >= 90%`.")
                continue
            try:
                found.append(
                    parse_threshold(item.text, labels=suite.labels, perturbations=suite.perturbations)
                )
            except ThresholdError as error:
                message = f"column {error.column}: {error.message}"
                findings.add(path, item.line, field, message, error.fix)
    elif not findings.total:
        findings.add(
            path, None, dotted(at), "holds no thresholds.", "Write a list, such as `- accuracy >= 90%`."
        )
    findings.raise_if_any()
    return tuple(found)
