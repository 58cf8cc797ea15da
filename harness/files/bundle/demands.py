"""Thresholds of a suite, of a file of their own or as they are typed, and whether these cases can reach them."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from harness.files import written
from harness.files.case import Case
from harness.files.project.entry import ModelEntry
from harness.files.suite import MOST_THRESHOLDS, Suite
from harness.files.thresholds import Threshold, ThresholdError, metric_of, parse_threshold

_TYPED = Path("--thresholds")  # stands for the file of what was typed
_BARE = re.compile(r"[a-z][^:{]*[<>]")  # a line of a file that holds thresholds alone
_DEMAND = re.compile(r"""(?:"[^"]*"|'[^']*'|[^;])+""")  # a `;` in quotes belongs to a label


def read_demands(
    asked: Sequence[str],
    checked: written.Checked[Suite],
    cases: Sequence[Case],
    repeats: int,
    models: Mapping[str, ModelEntry],
) -> tuple[tuple[Threshold, ...], tuple[str, ...], list[Path]]:
    """Read the thresholds that are asked for, or the suite's own; gives their texts and files, too."""
    costs, priced = checked.model.costs, sorted({model.price.currency for model in models.values()})
    if costs is not None and costs.currency is not None and priced not in ([], [costs.currency]):
        known = f"is in {costs.currency}, the prices are in {written.shortlist(priced)}."
        checked.problem(("costs",), known, "Use one currency: `price: {currency: ...}` in harness.yml.")
    sources = _demanded(asked, checked) if asked else [checked]
    files = [source.path for source in sources if source is not checked and source.path.is_file()]
    read = tuple(one for each in sources for one in _read_thresholds(each, cases, repeats, models))
    return read, tuple(text for each in sources for text in each.model.thresholds), files


def _read_thresholds(
    checked: written.Checked[Suite], cases: Sequence[Case], repeats: int, models: Mapping[str, ModelEntry]
) -> tuple[Threshold, ...]:
    if not checked.whole("thresholds", "labels", "perturbations"):
        return ()
    tags = {tag for case in cases for tag in case.tags} if cases else None
    splits = {case.split for case in cases if case.split} if cases else None
    found = []
    for i, threshold in _parsed(checked, tags, splits):
        found.append(threshold)
        why, fix = _unreachable(threshold, checked.model, cases, repeats, models)
        if why:
            checked.problem(("thresholds", i), why, fix)
    return tuple(found)


def _parsed(
    checked: written.Checked[Suite], tags: Collection[str] | None = None, splits: Collection[str] | None = None
) -> Iterator[tuple[int, Threshold]]:
    """Parse each threshold; what is none is a problem at its place."""
    suite = checked.model
    for i, text in enumerate(suite.thresholds):
        try:
            yield (
                i,
                parse_threshold(text, labels=suite.labels, perturbations=suite.perturbations, tags=tags, splits=splits),
            )
        except ThresholdError as error:
            checked.problem(("thresholds", i), f"column {error.column}: {error.message}", error.fix)


def left_open(thresholds: Iterable[Threshold], repeats: int) -> list[str]:
    """Say of each threshold that takes more repeats than are asked for that it stays open, as in a first look."""
    return [
        f"{threshold.text} stays open: it takes {needed:g} repeats, {_are(repeats)}."
        for threshold in thresholds
        if (needed := _repeats_of(threshold)) > repeats
    ]


def _are(repeats: int) -> str:
    return "there is 1" if repeats == 1 else f"there are {repeats}"


def _repeats_of(threshold: Threshold) -> float:
    metric = metric_of(threshold.metric)
    powers = threshold.argument if metric.argument == "power" and threshold.argument is not None else 1
    return max(powers, 2 if metric.repeated else 1)


def _unreachable(
    threshold: Threshold, suite: Suite, cases: Sequence[Case], repeats: int, models: Mapping[str, ModelEntry]
) -> tuple[str, str]:
    metric = metric_of(threshold.metric)
    if metric.selector == "perturbation" and not suite.perturbations:
        return "this suite has no perturbations.", "Add `perturbations:`."
    if (needed := _repeats_of(threshold)) > repeats:
        name = f"pass^{needed:g}" if metric.argument == "power" else f"`{threshold.metric}`"
        return f"{name} needs {needed:g} repeats, {_are(repeats)}.", "Raise `repeats`."
    silent = [name for name, model in models.items() if not model.stream and model.endpoint != "replay"]
    if metric.clock == "ttft" and silent:
        return f"{written.shortlist(silent)} can't time a first token.", "Give the model `stream: true` in harness.yml."
    currencies = {model.price.currency for model in models.values()}
    if threshold.currency is not None and currencies and threshold.currency not in currencies:
        known = written.shortlist(sorted(currencies))
        return f"is in {threshold.currency}, the prices are in {known}.", "Use one currency."
    return _no_such_cases(threshold, cases) if cases else ("", "")


def _no_such_cases(threshold: Threshold, cases: Sequence[Case]) -> tuple[str, str]:
    metric = metric_of(threshold.metric)
    if metric.splits and len({case.split for case in cases if case.split}) < 2:
        return "the cases have no two splits to compare.", "Mark cases as `split: dev` and `split: holdout`."
    inside = [case for case in cases if threshold.covers(case.split, case.tags)]
    if not inside:
        return "no case meets all these conditions.", "Ask for fewer."
    mine = sum(case.expected == threshold.label for case in inside)
    among = " among these" if threshold.where else ""
    has = f"case{among} has the label `{written.shown(threshold.label or '')}`: it can't be reached."
    if metric.counts == "other cases" and mine == len(inside):
        return f"every {has}", "Add cases of other labels."
    if metric.selector == "label" and metric.counts != "other cases" and not mine:
        return f"no {has}", "Add such cases."
    return "", ""


def read_policy(asked: Sequence[str], suite: Suite) -> tuple[tuple[Threshold, ...], str]:
    """Read what `--thresholds` asks for, for the labels and perturbations of `suite`, and name its sources.

    Raises FilesError.
    """
    findings = written.Findings()
    sources = _demanded(asked, written.Checked(suite, written.Entries(0), _TYPED, frozenset(), findings))
    found = tuple(threshold for source in sources for _, threshold in _parsed(source))
    findings.raise_if_any()
    named = ("the command line" if source.path is _TYPED else source.path.name for source in sources)
    return found, " and ".join(dict.fromkeys(named))


def _demanded(asked: Sequence[str], checked: written.Checked[Suite]) -> list[written.Checked[Suite]]:
    """Give the suite once for each source of `--thresholds`, with its demands, and its places for what is wrong.

    A source is the text of thresholds, between them `;`, or the name of a file: a suite, a mapping with
    `thresholds`, a plain list, or bare lines.
    """
    found: list[written.Checked[Suite]] = []
    seen: set[str] = set()
    for text in asked:
        is_file = _is_file(text)
        path = Path(text) if is_file else _TYPED
        node = _stored(path, checked.findings) if is_file else _typed(text, checked.findings)
        kept: dict[str, written.Scalar] = {}
        for i, item in enumerate(node.items):
            if not isinstance(item, written.Scalar):
                said = "must be text.", "Write `accuracy >= 90%`."
                checked.findings.add(path, item.line, written.dotted(("thresholds", i)), *said)
            elif item.text not in seen:  # one that several sources name is one demand
                kept[item.text] = item
        seen |= kept.keys()
        tree = written.Entries(node.line, {"thresholds": (node.line, written.Items(node.line, [*kept.values()]))})
        suite = checked.model.model_copy(update={"thresholds": tuple(kept)})
        found.append(written.Checked(suite, tree, path, checked.broken - {"thresholds"}, checked.findings))
    if sum(len(source.model.thresholds) for source in found) > MOST_THRESHOLDS:
        checked.findings.add(_TYPED, None, "", f"there are more than {MOST_THRESHOLDS}.", "Demand less.")
    return found


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:  # longer than a name can be
        return False


def _typed(text: str, findings: written.Findings) -> written.Items:
    if re.search("[<>]", text) is None:
        said = f"`{written.shown(text)}` is neither a threshold nor a file."
        findings.add(_TYPED, None, "", said, "Write `accuracy >= 90%`, or name a file of such lines.")
        return written.Items(0)
    each = (one.strip() for one in _DEMAND.findall(text))
    return written.Items(0, [written.Scalar(one, plain=False, line=0) for one in each if one])


def _stored(path: Path, findings: written.Findings) -> written.Items:
    before = findings.total
    text = written.read_written(path, findings)
    numbered = enumerate((text or "").splitlines(), start=1)
    lines = [(n, bare) for n, line in numbered if (bare := re.sub(r"(^|\s)#.*", "", line).strip())]
    if lines and all(_BARE.match(line) for _, line in lines):  # YAML would join them to one
        return written.Items(0, [written.Scalar(line, plain=False, line=n) for n, line in lines])
    node = None if text is None else written.parse_any(text, path, findings)
    if isinstance(node, written.Entries):
        node = node.entries.get("thresholds", (0, None))[1]
    if isinstance(node, written.Scalar):
        node = written.Items(node.line, [node])
    if isinstance(node, written.Items) and node.items:
        return node
    if findings.total == before:
        findings.add(path, None, "thresholds", "holds no thresholds.", "Write a list, such as `- accuracy >= 90%`.")
    return written.Items(0)
