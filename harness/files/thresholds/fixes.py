"""What was probably meant, for each slip in a threshold: the nearest valid expression."""

import re
from collections.abc import Collection

from harness.files.thresholds.metrics import METRICS, Metric
from harness.files.written.findings import nearest, shortlist, shown

_FAMILIES = ("latency", "ttft", "robustness", "generalization", "drift", "cost", "tokens")


def metric_fix(name: str, rest: str) -> str:
    """Name the metric that was meant, or those that begin alike, or all; `rest` is what follows the name."""
    if name.startswith("pass") and (number := re.match(r"\d+", name[4:])):
        return f"Write `pass^{number[0]}`."
    head = name.split(".", maxsplit=1)[0]
    family = [spelling for spelling in METRICS if re.split(r"[. ]", spelling)[0] == head]
    if "." in name and family:
        near = nearest(name, family)
        return f"Did you mean `{near}`?" if near else f"Known: {shortlist(family)}."
    if name in _FAMILIES:
        last = re.match(r"\s+(\w+)", rest)
        near = f"{name}.{last[1]}" if last else ""
        return f"Did you mean `{near}`?" if near in METRICS else f"Known: {shortlist(family)}."
    ends = [spelling for spelling in METRICS if name in re.split(r"[.]", spelling)[1:]]
    near = ends[0] if ends else nearest(name, METRICS)
    return f"Did you mean `{near}`?" if near else f"Known: {shortlist(METRICS, 40)}."


def argument_fix(metric: Metric, rest: str, labels: Collection[str]) -> str:
    """Give brackets for a label that stands in parentheses."""
    inside = re.match(r"\(\s*([^()]*?)\s*\)", rest)
    if metric.selector == "label" and inside is not None and inside[1] in labels:
        return f"Write `{metric.written}[{shown(inside[1])}]`."
    return ""


def operator_fix(metric: Metric, right: str, rest: str) -> str:
    """Give the operator that was meant."""
    slip = re.match(r"=>|=<|≥|≤|==?", rest)
    return f"Write `{right}`." if slip else f"Write `{metric.written} {right} ...`."


def bound_fix(rest: str) -> str:
    """Tell what stands where a number is needed: the second half of an operator, or a slip in `baseline`."""
    if rest.startswith("="):
        return "Write the operator without a space: `>=` or `<=`."
    word = re.match(r"[A-Za-z]+", rest)
    near = nearest(word[0], ("baseline", "majority")) if word else None
    return f"Did you mean `{near}`?" if near else ""


def filter_fix(key: str, rest: str) -> str:
    """Name the filter that was meant; a bare word is a tag."""
    near = nearest(key, ("tag", "split"))
    if near:
        return f"Did you mean `{near}`?"
    bare = re.match(r"[^\s<>=]+(?=\s*[<>])", rest)
    return f"Write `where tag={shown(bare[0])}`." if bare else ""
