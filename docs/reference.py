"""Writes the parts of docs/metrics.md and docs/outputs.md that the code knows, between their marks.

python docs/reference.py

What a metric means is said here, a line each; all else comes from the tables of metrics and from `harness schema`.
A metric without a meaning, and a meaning without a metric, end the script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.cli.schema import written_schemas
from harness.files.thresholds import BETTER_THAN_MAJORITY, METRICS, Metric
from harness.judge.checks.metrics import GAUGES, Gauge

DOCS = Path(__file__).parent

MEANS = {
    "accuracy > majority": "accuracy above the share of the most frequent label",
    "accuracy": "trials with the expected label, of all trials",
    "balanced_accuracy": "mean recall of the labels that have cases",
    "macro_f1": "mean F1 of the labels that are expected or answered",
    "weighted_f1": "mean F1 of the labels, each weighted by how many trials expect it",
    "micro_f1": "F1 of all labels pooled; accuracy where every trial has a label",
    "coverage": "trials that ended with a label",
    "stability": "two repeats of a case give the same answer",
    "failures": "trials that the endpoint failed",
    "unparseable": "replies that no label can be read from",
    "refused": "replies that decline to answer",
    "truncated": "replies that were cut before a label",
    "flip_rate": "1 - stability",
    "precision": "of the trials answered L, those that expect it",
    "recall": "of the trials that expect L, those answered so",
    "specificity": "of the trials that expect another label, those that were answered with another",
    "f1": "the harmonic mean of precision and recall of L",
    "fbeta": "the same, where recall counts B times as much as precision",
    "mcc": "Matthews' correlation; of more than two labels Gorodkin's R_K",
    "kappa": "Cohen's kappa: agreement with `expected` beyond chance",
    "latency": "first send to end, retries and backoff included: the caller's time",
    "ttft": "time to the first token",
    "latency.within": "calls that ended within T",
    "pass": "k repeats of a case are all right",
    "robustness.drop": "accuracy lost under perturbations (the largest), or under P",
    "robustness.flips": "answers that differ from those to the original, beyond what two plain repeats differ",
    "generalization.gap": "accuracy on `dev` minus that on `holdout`; with `--cases`, suite minus new data",
    "drift.drop": "accuracy lost since earlier runs, or since a baseline",
    "leakage": "cases whose text also stands in the prompt, and their like",
    "regressions": "cases that were right in the baseline's run and are wrong now",
    "cost per 1000": "money for 1,000 cases",
    "cost per correct": "money for one right answer",
    "tokens per case": "input and output tokens",
}
UNITS = {"share": "share", "points": "points", "number": "-1 to 1", "seconds": "time", "count": "count"}
COUNTS = {
    "cases": "cases",
    "label cases": "cases of L",
    "other cases": "cases of other labels",
    "predictions": "answers L",
    "touched": "cases that expect or got L",
}
FAILED = {
    "nothing": "as it is",
    "all_right": "missed; right",
    "label_otherwise": "missed; right; a false alarm for L",
    "averages_otherwise": "missed; right; the rarest label that is wrong for it",
    "agreeing": "agreeing with nothing; saying what its case says most often",
    "ended_so": "not ended so; ended so",
    "not_there": "over any limit; not there",
    "of_variants": "each side missed or right",
    "of_splits": "each side missed or right",
}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Give a table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spelled(metric: Metric) -> str:
    """Give a metric as a threshold spells it, with letters where something is chosen."""
    argument = {"none": "", "seconds": "(T)", "beta": "(B)", "power": "^k"}[metric.argument]
    name = f"{metric.written}{argument}"
    return {"none": f"`{name}`", "label": f"`{name}[L]`", "perturbation": f"`{name}`, `{name}[P]`"}[metric.selector]


def needed(metric: Metric) -> str:
    """Say what a suite or a run must have for a metric to exist."""
    wants = {
        "perturbations": metric.selector == "perturbation",
        "repeats": metric.repeated,
        "k repeats": metric.argument == "power",
        "`dev` and another split": metric.splits,
        "an earlier run": metric.earlier,
        "`stream: true`": metric.clock == "ttft",
        "prices": metric.scale == "money",
    }
    return ", ".join(want for want, wanted in wants.items() if wanted)


def merged(rows: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Join the first cells of rows that say the same."""
    together: dict[tuple[str, ...], list[str]] = {}
    for first, *rest in rows:
        together.setdefault(tuple(rest), []).append(first)
    yield from ((", ".join(firsts), *rest) for rest, firsts in together.items())


def metrics() -> str:
    """Give the two tables of metrics: what each is, and how each is held against a threshold."""
    every = [BETTER_THAN_MAJORITY, *METRICS.values()]
    said = {m.written: m.clock if m.quantile is not None and m.clock else m.written for m in every}
    if wrong := set(said.values()) ^ set(MEANS):
        raise SystemExit(f"metric without a meaning, or the reverse: {sorted(wrong)}")
    what = (
        (
            spelled(metric),
            "money" if metric.scale == "money" else UNITS[metric.scale],
            "higher" if metric.higher_is_better else "lower",
            needed(metric),
            MEANS[said[metric.written]],
        )
        for metric in every
    )
    how = ((spelled(metric), *held(metric, GAUGES[metric.name])) for metric in every)
    holds = ("metric", "rests on", "a failed call may be", "`check` plans it", "`--stop` settles it")
    return f"{table(('metric', 'unit', 'better', 'needs', 'meaning'), merged(what))}\n\n{table(holds, merged(how))}"


def held(metric: Metric, gauge: Gauge) -> tuple[str, ...]:
    """Say how a metric is held against a threshold."""
    later = gauge.plan.__qualname__.startswith("afterwards")
    early = gauge.score is not None or gauge.counted_before
    rests = "calls" if metric.clock else COUNTS[metric.counts]
    return rests, FAILED[gauge.worlds.__name__], "no" if later else "yes", "yes" if early else "no"


TITLES = {  # in the order of the page
    "report": "report.json",
    "gate": "gate.json",
    "comparison": "harness compare --json",
    "upgrade": "upgrade.json",
    "manifest": "manifest.json",
    "journal": "journal.jsonl",
    "reply": "replies of a file",
}


def outputs() -> str:
    """Give every field of every file that the harness writes or replays; a type that several share, once."""
    told, schemas = set[str](), written_schemas()
    assert set(TITLES) == set(schemas), "a file that the page does not list"
    return "\n\n".join("\n\n".join(document(name, schemas[name], told)) for name in TITLES)


def document(name: str, schema: dict[str, Any], told: set[str]) -> Iterator[str]:
    """Give the parts of one document, its top first."""
    kinds = schema["$defs"]
    queue = list(re.findall(r"#/\$defs/(\w+)", str({key: schema.get(key) for key in ("$ref", "anyOf")})))
    yield f"## {TITLES[name]}"
    yield f"`harness schema {name}`. At its top: {', '.join(linked(kind) for kind in queue)}."
    while queue:
        kind = queue.pop(0)
        if kind in told:
            continue
        told.add(kind)
        fields = kinds[kind].get("properties", {})
        queue += re.findall(r"#/\$defs/(\w+)", str(fields))
        said = kinds[kind].get("description", "").partition("\n\n")[0].replace("\n", " ").replace("None", "null")
        yield f"### {kind}"
        if said:
            yield escaped(said)
        if fields:
            rows = ((f"`{field}`", typed(rule), escaped(rule.get("description", ""))) for field, rule in fields.items())
            yield table(("field", "type", "meaning"), rows)


def linked(kind: str) -> str:
    """Give a link to the table of a type."""
    return f"[{kind}](#{kind.lower()})"


def escaped(text: str) -> str:
    """Give a text that can stand in a cell."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def typed(rule: dict[str, Any]) -> str:
    """Say in a few words what a field holds."""
    match rule:
        case {"$ref": str(target)}:
            said = linked(target.rpartition("/")[2])
        case {"anyOf": several}:
            said = " or ".join(dict.fromkeys(typed(one) for one in several))
        case {"enum": values}:
            said = ", ".join(f"`{value}`" for value in values)
        case {"type": "array"}:
            of = [typed(one) for one in rule.get("prefixItems", [rule["items"]] if rule.get("items") else [])]
            said = f"list of {', '.join(dict.fromkeys(of)) or 'values'}"
        case {"type": "object", "additionalProperties": {} as within} if within:
            said = f"{typed(within)} by name"
        case _:
            said = str(rule.get("type", "any"))
    return said


PARTS = {"metrics.md": metrics, "outputs.md": outputs}
MARKED = re.compile(r"(<!-- begin: [^>]*-->\n\n).*?(\n\n<!-- end -->)", re.DOTALL)


def page(name: str) -> str:
    """Give a page with its marked part made anew."""
    text = (DOCS / name).read_text("utf-8")
    assert MARKED.search(text), f"{name} has no marks"
    return MARKED.sub(lambda found: f"{found[1]}{PARTS[name]()}{found[2]}", text)


if __name__ == "__main__":
    for name in PARTS:
        (DOCS / name).write_text(page(name), encoding="utf-8")
