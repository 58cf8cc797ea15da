"""Whether the files fit each other: cases and labels, templates and columns, thresholds and their reach."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from harness.files import prompts
from harness.files.case import KNOWN, PROMPT_LEVEL, Case, perturb_case
from harness.files.project.entry import ASKED, ModelEntry
from harness.files.suite import Pattern, ReplyRule, Suite
from harness.files.written import Checked, Scalar, did_you_mean, shortlist, shown

COMPLETES = frozenset({"local", "completions", "replay", "http", "function"})
CHATS = frozenset({"local", "chat", "responses", "anthropic", "replay", "http", "function"})

_COMPARED = 10_000  # cases, of a prompt that asks the same of each before
_FEW = 4  # that ask as the first one does: fewer may be alike in what a prompt looks at


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


def check_prompt(
    read: Checked[prompts.Prompt], suite: Checked[Suite], cases: Sequence[Case], sample: Case | None
) -> prompts.Prompt | None:
    """Check templates and examples against the cases, then render one case; None when something is wrong."""
    prompt, before = read.model, read.findings.of(read.path)
    columns: set[str] | None = None
    if cases:
        columns = set.intersection(*(set(case.inputs) for case in cases))
    for name in sorted(ASKED & prompt.parameters.keys()):
        message = f"`{name}` is no parameter: it would take the place of what the messages or harness.yml say."
        read.problem(("modelParameters", name), message, "Remove it; which model answers is the suite's `models`.")
    for at, source in prompts.templates(prompt):
        _check_template(read, at, source, columns, suite.model)
    if (
        columns
        and read.findings.of(read.path) == before
        and prompts.templates(prompt)
        and not prompts.variables(prompt)
    ):
        at, source = prompts.templates(read.model)[-1]
        likely = max(sorted(columns), key=source.count)
        where = next((w for w in (f"{{{likely}}}", f"${likely}", f"<{likely}>", f"[{likely}]") if w in source), "")
        place = f"`{{{{ {shown(likely)} }}}}`"
        fix = f"Write {place} for `{where}`." if where else f"Place an input, such as {place}."
        read.problem(at, "uses no input: it would ask the same of every case.", fix)
    if read.whole("examples") and suite.whole("labels", "reply"):
        words = {*suite.model.labels, *(alias for aliases in suite.model.reply.aliases.values() for alias in aliases)}
        for i, example in enumerate(read.model.examples):
            label = example.get("label")
            if label is not None and not _reads_as(label, words, suite.model.reply):
                message = f"`{shown(label)}` is not one of the suite's labels or their aliases."
                read.problem(("examples", i, "label"), message, did_you_mean(label, words))
    if sample is not None and read.findings.of(read.path) == before and read.whole("messages", "text", "examples"):
        _render_some(read, sample, cases)
    return prompt if read.findings.of(read.path) == before else None


def _check_template(
    read: Checked[prompts.Prompt], at: tuple[str | int, ...], source: str, columns: set[str] | None, suite: Suite
) -> None:
    try:
        names = prompts.compile_template(source, read.model.template).names - prompts.LISTS
    except prompts.TemplateRefused as refused:
        node, line, _ = read.tree.at(at)
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
        pattern = Pattern(rule.pattern or "", case_sensitive=rule.case_sensitive)
        return next(pattern.found(text), None) is not None
    return rule.as_ == "mention" and any(re.search(rf"\b{re.escape(word)}\b", fold(text)) for word in folded)


def _leaves(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)


def _render_some(read: Checked[prompts.Prompt], sample: Case, cases: Sequence[Case]) -> None:
    """Render one case, and others until one of them asks for something else."""
    prompt = read.model
    if prompt.examples and prompt.messages and prompts.last_user(prompt.messages) is None:
        read.problem(("messages",), "there are examples, but no user message to put them before.", "Add one.")
        return
    at = ("text",) if prompt.text is not None else ("messages",)
    case = sample
    try:
        with closing(prompts.renderer_of(prompt)) as renderer:
            asked = renderer.render(sample.inputs)
            others = [each for each in cases[:_COMPARED] if each.inputs != sample.inputs]
            for case in others:
                if renderer.render(case.inputs) != asked:
                    return
    except (prompts.RenderFailed, prompts.TemplateRefused) as error:
        if case is sample:
            read.problem(at, f"can't be rendered for the case `{shown(sample.id)}`: {error}")
        return
    if len(others) >= _FEW and prompts.templates(prompt):
        fix = f"Place an input, such as `{{{{ {shown(min(sample.inputs))} }}}}`, where it is always sent."
        read.problem(at, f"asks the same of {len(others) + 1:,} cases, whatever their inputs.", fix)


def too_dear(
    prompt: prompts.Prompt, cases: Sequence[Case], variants: Sequence[str], suite: Suite
) -> tuple[str, str] | None:
    """Render all that a run would send of a stranger's prompt, confined: message and fix where that takes too much.

    Other mistakes are told where those of trusted prompts are.
    """
    changed = [variant for variant in variants if variant not in PROMPT_LEVEL]
    orders = [prompts.perturb_prompt(variant, prompt, suite.seed) for variant in variants if variant in PROMPT_LEVEL]
    try:
        for form in (prompt, *(each for each in orders if each != prompt)):
            with closing(prompts.ConfinedRenderer(form)) as renderer:
                for inputs in inputs_sent(cases, changed if form is prompt else (), suite.labels):
                    try:
                        renderer.render(inputs)
                    except prompts.RenderRefused:
                        raise
                    except prompts.RenderFailed:
                        pass
    except prompts.RenderRefused as refused:
        return refused.exhausted
    return None


def inputs_sent(cases: Sequence[Case], variants: Sequence[str], labels: Collection[str]) -> Iterator[Mapping[str, str]]:
    """Give the inputs of each case and of those of its variants that change something."""
    for case in cases:
        yield case.inputs
        for variant in variants:
            if (inputs := perturb_case(variant, case, labels)) is not None:
                yield inputs


def check_speaks(
    suite: Checked[Suite],
    asking: Sequence[Checked[prompts.Prompt]],
    models: Mapping[str, ModelEntry],
    by_pattern: Collection[Path],
) -> tuple[set[tuple[str, str]], list[str]]:
    """Pair each prompt (by name) with the models whose endpoint takes its kind: text, or chat messages.

    A prompt that does not fit is a problem where it was named, and left out with a note (the second part)
    where it came with a pattern; a model that is left with no prompt is a problem.
    """
    pairs, notes = set(), []
    for name, entry in models.items():
        unfit: dict[str, list[Checked[prompts.Prompt]]] = {}
        for read in asking:
            field, speaks = ("messages", CHATS) if read.model.text is None else ("text", COMPLETES)
            if entry.endpoint in speaks or not (read.model.text or read.model.messages):
                pairs.add((read.model.name, name))
            else:
                unfit.setdefault(field, []).append(read)
        for field, reads in unfit.items():
            kind = "chat messages" if field == "messages" else "plain text"
            speaks = CHATS if field == "messages" else COMPLETES
            fix = f"Use an endpoint such as {shortlist(sorted(speaks))}."
            for read in reads:
                if read.path not in by_pattern:
                    message = f"is {kind}, but the model `{shown(name)}` has `endpoint: {entry.endpoint}`."
                    read.problem((field,), message, fix)
            if len(reads) == len(asking) and reads[0].path in by_pattern:
                message = f"all are {kind}, but the model `{shown(name)}` has `endpoint: {entry.endpoint}`."
                suite.problem(("prompts",), message, fix)
            names = [read.model.name for read in reads if read.path in by_pattern]
            if names:
                verb = "is" if len(names) == 1 else "are"
                notes.append(f"not measured on `{shown(name)}`: {shortlist(names)}, which {verb} {kind}.")
    return pairs, notes
