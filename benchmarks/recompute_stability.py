"""Recomputes a run's stability page from its journal, and compares every figure with report.json.

    python benchmarks/recompute_stability.py results/RUN

It shares no code with the project: the journal is read with `json`, labels are read by a rule of its own
(`as: mention` and `as: exact`), and every formula is written out over plain lists, pair by pair and subset
by subset, as its definition says. Slow, and meant to be. Prints each pair of figures; exits with 1 if one
differs.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

TOLERANCE = 1e-9
FAILED = "-failed"
# A trial that the run ended before: planned, so it counts, as one that failed.
NOT_RUN = {"type": "failure", "kind": "not run", "message": "the run ended before this trial"}


def read_run(run: Path) -> tuple[dict, dict, dict]:
    """Give the manifest, the expected labels, and candidate -> case -> the trials in order of repeats."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    expected: dict[str, str] = {}
    trials: dict[str, dict[str, dict[int, dict]]] = defaultdict(lambda: defaultdict(dict))
    for line in (run / "journal.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)["event"]
        if event["type"] == "case":
            expected[event["id"]] = event["expected"]
        elif event["type"] == "trial" and not event.get("warmup") and "variant" not in event:
            trials[event["candidate"]][event["case"]][event.get("repeat", 0)] = event["outcome"]
    ordered = {
        entry["name"]: {
            case: [trials[entry["name"]][case].get(n, NOT_RUN) for n in range(manifest["repeats"])] for case in expected
        }
        for entry in manifest["candidates"]
    }
    return manifest, expected, ordered


def reader(suite: dict) -> Callable[[dict], str]:
    """Give a function that reads an outcome as a label, or as `-` and why there is none."""
    rule = suite["reply"]
    names = {label.casefold(): label for label in suite["labels"]}
    for label, aliases in rule.get("aliases", {}).items():
        names |= {alias.casefold(): label for alias in aliases}
    words = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    mention = re.compile(rf"(?<!\w)(?:{words})(?!\w)")

    def read(outcome: dict) -> str:
        if outcome["type"] == "failure":
            return FAILED
        if outcome.get("refusal") or outcome.get("finish_reason") == "content_filter":
            return "-refused"
        text = outcome["text"].casefold()
        if rule["as_"] == "mention":
            found = {names[word] for word in mention.findall(text)}
        else:
            found = {names[text.strip()]} if text.strip() in names else set()
        if len(found) == 1:
            return found.pop()
        if outcome.get("finish_reason") == "length":
            return "-truncated"
        return "-unparseable" if text.strip() else "-empty"

    if rule["as_"] not in {"mention", "exact"}:
        sys.exit(f"replies are read as {rule['as_']}; this script reads only mention and exact")
    return read


def said(outcome: dict) -> str:
    """Give the reply as it was sent."""
    if outcome["type"] == "failure":
        return f"{outcome['kind']}: {outcome['message']}"
    return outcome.get("refusal") or outcome["text"]


def mean(values: list[float]) -> float:
    """Give the arithmetic mean."""
    return sum(values) / len(values)


def figures(answers: list[list[str]], texts: list[list[str]], right: list[list[bool]]) -> dict[str, float]:
    """Compute every figure of the page from the repeats of each case."""
    answered = [[answer for answer in case if answer != FAILED] for case in answers]
    # A failure agrees with nothing in its case, not with another failure either.
    answers = [[f"{a} {i}" if a == FAILED else a for i, a in enumerate(case)] for case in answers]
    pairs = [list(combinations(case, 2)) for case in answers]
    found = {
        "agreement": mean([mean([a == b for a, b in case]) for case in pairs]),
        "flip_rate": mean([mean([a != b for a, b in case]) for case in pairs]),
        "tar_raw": mean([len(set(case)) == 1 for case in texts]),
        "tar_label": mean([len(set(case)) == 1 for case in answers]),
        "mean_entropy_bits": mean([entropy(case) for case in answers]),
        "best_accuracy": mean([any(case) for case in right]),
        "worst_accuracy": mean([all(case) for case in right]),
        "unstable_cases": sum(len(set(case)) > 1 for case in answered),
    }
    for k in range(2, min(8, *(len(case) for case in right)) + 1):
        found[f"pass^{k}"] = mean([mean([all(s) for s in combinations(case, k)]) for case in right])
    found |= chance_corrected(answers)
    # What failed at the endpoint is no answer that another one turned into.
    everything = [pair for case in pairs for pair in case if not any(end.startswith(FAILED) for end in pair)]
    for flip, times in Counter(tuple(sorted(pair)) for pair in everything if pair[0] != pair[1]).items():
        found[f"flips {flip[0]} / {flip[1]}"] = times
        found[f"share {flip[0]} / {flip[1]}"] = times / len(everything)
    both_ways = [*everything, *((b, a) for a, b in everything)]
    for a, b in {pair for pair in both_ways if pair[0] != pair[1]}:
        beside = [pair for pair in both_ways if pair[0] == a]
        found[f"rate {a} -> {b}"] = mean([pair[1] == b for pair in beside])
    for repeat in range(min(len(case) for case in right)):
        found[f"accuracy of repeat {repeat + 1}"] = mean([case[repeat] for case in right])
    return found


def entropy(case: list[str]) -> float:
    """Give the entropy of the answers of a case in bits."""
    shares = [n / len(case) for n in Counter(case).values()]
    return -sum(share * math.log2(share) for share in shares)


def chance_corrected(answers: list[list[str]]) -> dict[str, float]:
    """Give Fleiss' kappa and Krippendorff's alpha as their papers define them.

    Two failures agree by chance as little as they do in a case: each is of its own kind.
    """
    names = sorted({answer for case in answers for answer in case})
    n = len(answers[0])
    found = {}
    if len(names) < 2:
        return found
    if all(len(case) == n for case in answers):
        share = {name: mean([case.count(name) / n for case in answers]) for name in names}
        per_case = [(sum(case.count(name) ** 2 for name in names) - n) / (n * (n - 1)) for case in answers]
        chance = sum(p**2 for name, p in share.items() if not name.startswith(FAILED))
        found["fleiss_kappa"] = (mean(per_case) - chance) / (1 - chance)
    coincidence: dict[tuple[str, str], float] = defaultdict(float)
    for case in answers:
        for i, a in enumerate(case):
            for j, b in enumerate(case):
                if i != j:
                    coincidence[a, b] += 1 / (len(case) - 1)
    margin = {name: sum(coincidence[name, other] for other in names) for name in names}
    total = sum(margin.values())
    failures = sum(m * (m - 1) for name, m in margin.items() if name.startswith(FAILED))
    observed = sum(v for (a, b), v in coincidence.items() if a != b) / total
    differing = sum(margin[a] * margin[b] for a in names for b in names if a != b) + failures
    by_chance = differing / (total * (total - 1))
    found["krippendorff_alpha"] = 1 - observed / by_chance
    return found


def reported(candidate: dict) -> dict[str, float]:
    """Take the same figures out of report.json."""
    page = candidate["stability"]

    def value(name: str) -> float | None:
        return (page[name] or {}).get("value")

    found = {name: value(name) for name in ("agreement", "flip_rate", "tar_raw", "tar_label")}
    found |= {name: page[name] for name in ("mean_entropy_bits", "best_accuracy", "worst_accuracy")}
    found["unstable_cases"] = page["unstable_cases"]
    found |= {f"pass^{k}": estimate["value"] for k, estimate in page["pass_k"].items()}
    found |= {name: value(name) for name in ("fleiss_kappa", "krippendorff_alpha")}
    for flip in page["flips"]:
        a, b = (plain(flip[end]) for end in ("first", "second"))
        first, second = sorted((a, b))
        found[f"flips {first} / {second}"] = flip["pairs"]
        found[f"share {first} / {second}"] = flip["share"]
        found[f"rate {a} -> {b}"] = flip["rate"]
        found[f"rate {b} -> {a}"] = flip["rate_back"]
    for spread in page["spread"]:
        if spread["metric"] == "accuracy":
            found |= {f"accuracy of repeat {i + 1}": v for i, v in enumerate(spread["values"])}
    return found


def plain(answer: str) -> str:
    """Write an answer of report.json as this script writes it: outcomes begin with `-`."""
    return f"-{answer}" if answer in {"unparseable", "refused", "truncated", "empty", "failed"} else answer


def compare(mine: dict[str, float], theirs: dict[str, float]) -> int:
    """Print each pair of figures; give how many differ."""
    different = 0
    for name in sorted(mine.keys() | theirs.keys()):
        a, b = mine.get(name), theirs.get(name)
        same = a == b or (a is not None and b is not None and math.isclose(a, b, abs_tol=TOLERANCE))
        different += not same
        shown = ("-" if v is None else f"{v:.10g}" for v in (a, b))
        print(f"  {name:<28} {next(shown):>16} {next(shown):>16}  {'same' if same else 'DIFFERENT'}")
    return different


def main() -> int:
    """Compare a run with its report; gives the exit code."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("run", type=Path)
    run = arguments.parse_args().run
    manifest, expected, trials = read_run(run)
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    read = reader(manifest["suite"])
    different = 0
    for candidate in report["candidates"]:
        cases = {case: kept for case, kept in trials[candidate["name"]].items() if len(kept) > 1}
        answers = [[read(outcome) for outcome in kept] for kept in cases.values()]
        texts = [[said(outcome) for outcome in kept] for kept in cases.values()]
        right = [[a == expected[case] for a in row] for case, row in zip(cases, answers, strict=True)]
        print(f"{candidate['name']}: {len(cases)} cases, {sum(map(len, answers))} trials")
        print(f"  {'figure':<28} {'recomputed':>16} {'report.json':>16}")
        different += compare(figures(answers, texts, right), reported(candidate))
    print("every figure is the same" if not different else f"{different} figures DIFFER")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
