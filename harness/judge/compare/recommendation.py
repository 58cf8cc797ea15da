"""Which candidate to take, in one sentence that says what it gives up; only real differences count."""

from collections.abc import Sequence

import msgspec

from harness.files.thresholds import COST_PER_1000, P95, QUALITY, metric_of
from harness.judge import Duel, Standing, amount, count, listed, scale_of, sentence, signed_text


def recommend(rows: Sequence[Standing], duels: Sequence[Duel]) -> tuple[str, str]:
    """Choose the best of the ready ones, or who of these really beats it in p95 or cost at no loss.

    Where none is ready, it is the nearest: the one with the fewest checks to go. Gives its name, and the sentence.
    """
    pool = {row.name: row for row in rows if row.verdict == rows[0].verdict}
    chosen = rows[0]
    places = {row.name: place for place, row in enumerate(rows)}
    for _ in (
        pool if chosen.verdict == "READY" else ()
    ):  # each step goes to one that is really better; a circle would end, too
        better = [pool[name] for name in chosen.beaten_by if name in pool]
        if not better:
            break
        chosen = min(better, key=lambda row: places[row.name])
    return chosen.name, f"{_opening(chosen, rows)}{_gains(chosen, rows, duels)}; {_loss(chosen, duels)}."


def _beaten(name: str, by: str, metric: str, duels: Sequence[Duel]) -> bool:
    return any(
        duel.better == by and duel.metric == metric and {duel.first, duel.second} == {name, by} for duel in duels
    )


def _opening(chosen: Standing, rows: Sequence[Standing]) -> str:
    ready = sum(row.verdict == "READY" for row in rows)
    if chosen.verdict == "READY":
        which = "the only one that is ready" if ready == 1 else f"one of {ready:,} that are ready"
        return f"Take {chosen.name}, {which}"
    if chosen.verdict == "INCONCLUSIVE":
        return f"None is shown to be ready yet; the nearest is {chosen.name}"
    return f"None is ready; the nearest is {chosen.name}"


def _gains(chosen: Standing, rows: Sequence[Standing], duels: Sequence[Duel]) -> str:
    """Name what the choice is really better at, in quality or else than one that is as good in quality."""
    others = [row.name for row in rows if row.name != chosen.name]
    beaten = [name for name in others if _beaten(name, chosen.name, QUALITY.name, duels)]
    if len(beaten) == len(others):
        who = beaten[0] if len(beaten) == 1 else "all others"
        return f": really better in {QUALITY.in_words} than {who}"
    better = [name for name in others if _beaten(chosen.name, name, QUALITY.name, duels)]
    as_good = [name for name in others if name not in {*beaten, *better}]
    for name in as_good:
        saved = [
            _amount(duel)
            for metric in (COST_PER_1000.name, P95.name)
            for duel in duels
            if _beaten(name, chosen.name, metric, [duel])
        ]
        if saved:
            return f": as good as {name} as far as these cases tell, and saves {listed(saved)}"
    return ""


def _loss(chosen: Standing, duels: Sequence[Duel]) -> str:
    """Say what is given up: of quality, cost and p95, to the one that is really better by most."""
    given_up: dict[str, list[str]] = {}
    for metric in (QUALITY.name, COST_PER_1000.name, P95.name):
        better = [
            duel
            for duel in duels
            if duel.metric == metric
            and duel.better not in {None, chosen.name}
            and chosen.name in {duel.first, duel.second}
        ]
        if better:
            most = max(better, key=lambda duel: abs(duel.difference.value or 0.0))
            given_up.setdefault(most.better or "", []).append(_amount(most))
    if not given_up:
        return "it gives up nothing that these cases can show"
    return "it gives up " + listed([f"{listed(what)} to {who}" for who, what in given_up.items()])


def _amount(duel: Duel) -> str:
    """Give the size of a difference: `3.1 points of balanced accuracy`, `$0.51 per 1,000`, `27 ms of p95`."""
    value, scale = abs(duel.difference.value or 0.0), scale_of(duel.metric)
    written = amount(value, "points" if scale == "share" else scale, duel.currency or "")
    return f"{written} per 1,000" if scale == "money" else f"{written} of {metric_of(duel.metric).in_words}"


def differences_sentence(first: str, duels: Sequence[Duel]) -> str:
    """Say which differences of quality to one candidate are real, and which are noise."""
    real: list[str] = []
    noise: list[str] = []
    hanging: list[str] = []
    unknown: list[str] = []
    for duel in duels:
        if duel.metric != QUALITY.name or first not in {duel.first, duel.second}:
            continue
        other = duel.second if duel.first == first else duel.first
        if duel.difference.value is None:
            unknown.append(other)
        elif duel.depends_on:
            hanging.append(f"{other} (on {count(duel.depends_on, 'call')})")
        else:
            (real if duel.real else noise).append(f"{other} {_seen(duel, first)}")
    parts = []
    if real:
        parts.append(f"really different from {first} in {QUALITY.in_words}: {listed(real)}")
    if noise:
        parts.append(f"within noise of {'it' if real else first}: {listed(noise)}")
    if hanging:
        parts.append(f"it depends on calls that failed at the endpoint, how different from {first}: {listed(hanging)}")
    if unknown:
        parts.append(f"not comparable: {listed(unknown)}")
    return sentence("; ".join(parts)) + "." if parts else ""


def _seen(duel: Duel, first: str) -> str:
    """Write the other candidate minus the first."""
    estimate, scale = duel.difference, scale_of(duel.metric)
    if duel.first == first:
        low, high = estimate.low, estimate.high
        estimate = msgspec.structs.replace(
            estimate,
            value=-(estimate.value or 0.0),
            low=None if high is None else -high,
            high=None if low is None else -low,
        )
    return str(signed_text(estimate, scale, duel.currency or ""))
