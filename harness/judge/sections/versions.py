"""Whether a prompt was tuned to dev: over its versions dev improves and the other split does not.

A version is a prompt of the same stem and another number (v1, v2, v3), or the same prompt with other content
in an earlier comparable run. Gains are those from the first version to this one (Newcombe, as if the two
measurements were independent; they share their cases, so the intervals are wider than they need be). The gain
on dev minus the gain on the other split is a sum of four independent shares (MOVER).

It is called overfitting only when three things are certain: dev improved; the other split did not improve for
certain; and dev improved by more than the other split did. The last tells overfitting from a small holdout.

How much longer a prompt became since its previous version, in tokens that the endpoint counted.

The previous version is the prompt of the same stem and the next lower number (v3 after v2) on the same model,
measured in the same run: so the cases are the same, and the difference is the prompt's alone.
"""

import re
from collections.abc import Sequence

import msgspec
import numpy as np

from harness import judge
from harness.judge.history.section import as_share, described
from harness.judge.scores import Combined, Share, clustered_mean
from harness.judge.view import DEV, HOLDOUT, NONE, Float, Int64, Manifest, View

_NUMBERED = re.compile(r"(.*?)(\d+)")
NO_PAIRS = "no case has counted tokens under both versions"


def numbered(prompt: str) -> tuple[str, int] | None:
    """Split `spam-v12` into its stem and its number; None for a prompt without a number."""
    found = _NUMBERED.fullmatch(prompt)
    return (found[1], int(found[2])) if found else None


def with_versions(
    candidates: Sequence[judge.CandidateAssessment], manifest: Manifest, past: Sequence[judge.PastRun]
) -> tuple[judge.CandidateAssessment, ...]:
    """Add to each candidate the curve of its prompt's versions, and a trap where it was tuned to dev."""
    here = _measured_here(candidates, manifest)
    runs = [*past, *here]
    return tuple(_with_curve(candidate, runs, manifest) for candidate in candidates)


def _measured_here(candidates: Sequence[judge.CandidateAssessment], manifest: Manifest) -> list[judge.PastRun]:
    entries = {entry.name: entry for entry in manifest.candidates}
    return [
        msgspec.structs.replace(described(manifest, entries[made.name]), complete=True, splits=splits_of(made))
        for made in candidates
        if made.name in entries and made.verdict != "NOT MEASURED"
    ]


def splits_of(made: judge.CandidateAssessment) -> dict[str, judge.Estimate]:
    """Give the accuracy in each split; of what was answered, where the endpoint failed some."""
    return {
        part.name: made.answered_splits.get(part.name, part.accuracy) for part in made.slices if part.kind == "split"
    }


def _with_curve(
    made: judge.CandidateAssessment, runs: Sequence[judge.PastRun], manifest: Manifest
) -> judge.CandidateAssessment:
    now = next((r for r in runs if r.run_id == manifest.run_id and r.candidate == made.name), None)
    if now is None or made.generalization is None:
        return made
    curve = version_curve(runs, now)
    if curve is None:
        return made
    told = judge.Trap(kind="overfitting_to_dev", sentence=curve.sentence) if curve.overfitting else None
    return msgspec.structs.replace(
        made,
        generalization=msgspec.structs.replace(made.generalization, versions=curve),
        traps=(*made.traps, told) if told else made.traps,
    )


def version_curve(runs: Sequence[judge.PastRun], now: judge.PastRun) -> judge.VersionCurve | None:
    """Follow dev and the other split from the first version of a prompt to this one; None with only one."""
    other = HOLDOUT if HOLDOUT in now.splits else next((s for s in sorted(now.splits) if s != DEV), None)
    if DEV not in now.splits or other is None:
        return None
    versions = _versions(runs, now, (DEV, other))
    if len(versions) < 2:
        return None
    first, last = versions[0], versions[-1]
    corners = [as_share(run.splits[split]) for split in (DEV, other) for run in (last, first)]
    if not all(isinstance(share, Share) for share in corners):
        return None
    dev_gain, other_gain, lead = _gains([share for share in corners if isinstance(share, Share)])
    overfitting = _above(dev_gain) and not _above(other_gain) and _above(lead)
    return judge.VersionCurve(
        other_split=other,
        points=tuple(
            judge.VersionPoint(
                prompt=run.prompt,
                prompt_digest=run.prompt_digest,
                run_id=run.run_id,
                dev=run.splits[DEV],
                other=run.splits[other],
            )
            for run in versions
        ),
        dev_gain=dev_gain,
        other_gain=other_gain,
        lead=lead,
        overfitting=overfitting,
        sentence=_sentence(versions, other, (dev_gain, other_gain, lead)),
    )


def _versions(runs: Sequence[judge.PastRun], now: judge.PastRun, splits: tuple[str, str]) -> list[judge.PastRun]:
    """Give each version once, by its latest measurement, in the order of numbers and then of first use."""
    stem, number = _numbered(now.prompt)
    latest: dict[tuple[str, str], judge.PastRun] = {}
    first: dict[tuple[str, str], tuple[str, str]] = {}
    for run in runs:
        its_stem, its_number = _numbered(run.prompt)
        if its_stem != stem or its_number > number or _setting(run) != _setting(now):
            continue
        if not run.complete or any(split not in run.splits for split in splits):
            continue
        key = (run.prompt, run.prompt_digest)
        first.setdefault(key, run.when)
        latest[key] = run
    current = (now.prompt, now.prompt_digest)
    order = sorted(latest, key=lambda key: (_numbered(key[0])[1], key == current, first[key]))
    return [latest[key] for key in order]


def _setting(run: judge.PastRun) -> tuple[str, str, str]:
    return (run.model, run.model_digest, run.suite_digest)


def _numbered(prompt: str) -> tuple[str, int]:
    return numbered(prompt) or (prompt, 0)  # one without a number is a stem of its own


def _gains(corners: Sequence[Share]) -> tuple[judge.Estimate, judge.Estimate, judge.Estimate]:
    """Give the gain on dev, the gain elsewhere, and the first minus the second."""
    dev, other = tuple(corners[:2]), tuple(corners[2:])
    dev_gain, other_gain = (Combined(two, (1.0, -1.0), sum(s.n for s in two), "Newcombe") for two in (dev, other))
    lead = Combined((*dev, *other), (1.0, -1.0, -1.0, 1.0), dev_gain.n + other_gain.n, "MOVER")
    return dev_gain.estimate(), other_gain.estimate(), lead.estimate()


def _above(gain: judge.Estimate) -> bool:
    return gain.low is not None and gain.low > 0


def _sentence(
    versions: Sequence[judge.PastRun], other: str, gains: tuple[judge.Estimate, judge.Estimate, judge.Estimate]
) -> str:
    dev_gain, other_gain, lead = gains
    first, last = versions[0], versions[-1]
    old = f"{first.prompt} to {last.prompt}"
    if first.prompt == last.prompt:
        old = f"an earlier {first.prompt} to this one"
    moved = f"from {old} dev gained {judge.figure(dev_gain, 'points')}, {other} {judge.figure(other_gain, 'points')}"
    if _above(dev_gain) and not _above(other_gain) and _above(lead):
        return f"Overfitting to dev: {moved}. What was learnt from the dev cases does not carry over."
    if _above(dev_gain) and _above(other_gain):
        return f"Both splits improved: {moved}."
    if _above(dev_gain):
        n = versions[-1].splits[other].n
        return f"Dev improved: {moved}. Whether {other} did is open with {judge.count(n, 'trial')} there."
    return f"No certain gain on dev: {moved}."


def with_growth(
    views: Sequence[View], candidates: Sequence[judge.CandidateAssessment]
) -> tuple[judge.CandidateAssessment, ...]:
    """Add to the cost of each candidate how its prompt grew."""
    return tuple(
        msgspec.structs.replace(made, cost=msgspec.structs.replace(made.cost, growth=_growth(view, views)))
        for view, made in zip(views, candidates, strict=True)
    )


def _growth(view: View, views: Sequence[View]) -> judge.PromptGrowth | None:
    before = _previous(view, views)
    if before is None:
        return None
    cases, now, then = _paired(view, before)
    if not len(cases):
        return None
    more = clustered_mean(now - then, cases, why_empty=NO_PAIRS).estimate(view.confidence)
    mean = float(then.mean())
    return judge.PromptGrowth(
        since=before.entry.prompt_name,
        tokens_before=mean,
        more=more,
        share=more.value / mean if more.value is not None and mean > 0 else None,
    )


def _previous(view: View, views: Sequence[View]) -> View | None:
    now = numbered(view.entry.prompt_name)
    if now is None:
        return None
    lower = [
        (then[1], other)
        for other in views
        if (then := numbered(other.entry.prompt_name)) is not None
        and other.entry.model_name == view.entry.model_name
        and then[0] == now[0]
        and then[1] < now[1]
    ]
    return max(lower, key=lambda found: found[0])[1] if lower else None


def _paired(one: View, two: View) -> tuple[Int64, Float, Float]:
    """Give the cases whose tokens were counted under both, with the mean of each."""
    (sum_one, n_one), (sum_two, n_two) = (_per_case(view) for view in (one, two))
    cases = np.flatnonzero((n_one > 0) & (n_two > 0))
    return cases, sum_one[cases] / n_one[cases], sum_two[cases] / n_two[cases]


def _per_case(view: View) -> tuple[Float, Float]:
    known = view.trials.tokens_in != NONE
    case, tokens = view.trials.case[known], view.trials.tokens_in[known]
    n = len(view.cases)
    counted = np.bincount(case, minlength=n).astype(np.float64)
    return np.bincount(case, weights=tokens, minlength=n).astype(np.float64), counted
