"""Latency: its quantiles, their distribution, and where the time went."""

from harness.files.thresholds import metric_of
from harness.judge import CandidateAssessment, Check, Latency, Quantile, listed, seconds
from harness.report import parts

HEADLINE = (0.5, 0.95, 0.99)  # quantiles that the first sentence gives
PAUSE_S = 60.0  # from which nothing being sent is a pause: the run was stopped, and resumed later


def latency_section(candidate: CandidateAssessment) -> parts.Section:
    """Give quantiles, their distribution, and where the time went."""
    latency = candidate.latency
    limit = _limit(candidate.checks)
    return parts.Section(
        key="latency",
        title="Latency",
        lead=_lead(latency),
        charts=(*_charts(latency, limit), *_parts_chart(latency)),
        tables=(*_quantile_tables(latency), *_parts_tables(latency)),
        notes=tuple(_notes(latency)),
    )


def _name(q: float) -> str:
    return "max" if q >= 1 else f"p{q * 100:g}"


def _lead(latency: Latency) -> str:
    shown = [quantile for quantile in latency.caller if quantile.q in HEADLINE]
    if not latency.n or not shown:
        return f"No call was timed: {latency.waited}." if latency.waited else "No call was timed."
    told = [f"{_name(s.q)} {parts.figure(s.estimate, 'seconds')}" for s in shown if s.estimate.value is not None]
    lost = [quantile for quantile in shown if quantile.estimate.value is None]
    if lost:
        why = lost[0].estimate.why_undefined
        names = listed([_name(quantile.q) for quantile in lost])
        told.append(f"{names} undefined" + (f" ({why})" if why else ""))
    lead = ", ".join(told) + f" over {parts.count(latency.n, 'call')}{_retried(latency)}"
    return lead + (f"; {parts.count(latency.censored, 'call')} failed or timed out" if latency.censored else "") + "."


def _retried(latency: Latency) -> str:
    """Say of the first quantile that so many retries reach and raise what it is without them."""
    last = {quantile.q: quantile.estimate for quantile in latency.service}
    for quantile in latency.caller:
        low, alone = quantile.estimate.low or 0, last.get(quantile.q)
        reached = quantile.q in HEADLINE and latency.retried_trials >= (1 - quantile.q) * latency.n
        if reached and alone and alone.value is not None and low > (alone.high or low):
            trials = parts.count(latency.retried_trials, "trial")
            return f", retries of {trials} included ({_name(quantile.q)} of the last attempts: {seconds(alone.value)})"
    return ""


def _limit(checks: tuple[Check, ...]) -> tuple[float, str] | None:
    """Give the strictest limit in seconds that a threshold sets, with its text."""
    limits = [
        (check.required, check.threshold)
        for check in checks
        if (metric := metric_of(check.metric)).clock == "latency" and metric.quantile
    ]
    return min(limits) if limits else None


def _charts(latency: Latency, limit: tuple[float, str] | None) -> list[parts.Chart]:
    ends = [high for _, high, _ in latency.histogram] + [s for _, s in latency.over_time]
    if not ends:
        return []
    factor, unit = (1000.0, "ms") if max(ends) < 2 else (1.0, "s")
    bound = limit[0] * factor if limit else None
    text = limit[1] if limit else ""
    charts = []
    if latency.histogram:
        charts.append(_distribution(latency, factor, unit, bound, text))
    if len(latency.over_time) > 1:
        times = [s for _, s in latency.over_time if s > 0]
        over_time, cut = _without_pauses(latency.over_time)
        charts.append(
            parts.Chart(
                key="latency-over-time",
                title=f"During the run; {cut / 60:.0f} min of pause left out" if cut else "During the run",
                alt=f"Latency of {parts.count(len(latency.over_time), 'trial')} over the time of the run, "
                f"between {seconds(min(times, default=0))} and {seconds(max(times, default=0))}.",
                plot=parts.TimelinePlot(
                    x_unit="s",
                    y_title=f"latency ({unit})",
                    points=tuple((x, y * factor) for x, y in over_time),
                    limit=bound,
                    limit_text=text,
                    log=bool(times) and max(times) / min(times) > parts.LOG_FROM,
                ),
            )
        )
    return charts


def _without_pauses(points: tuple[tuple[float, float], ...]) -> tuple[list[tuple[float, float]], float]:
    """Close up the time in which a stopped run sent nothing; gives the points and how much was cut."""
    closed: list[tuple[float, float]] = []
    cut, last = 0.0, points[0][0]
    for x, y in sorted(points):
        if x - last > PAUSE_S and x - last > (last - points[0][0] - cut):
            cut += x - last
        closed.append((x - cut, y))
        last = x
    return closed, cut


def _distribution(latency: Latency, factor: float, unit: str, bound: float | None, text: str) -> parts.Chart:
    bins = tuple((low * factor, high * factor, n) for low, high, n in latency.histogram)
    marks = tuple(_mark(q, factor) for q in latency.caller if q.estimate.value is not None)
    lowest = min((low for low, _, n in bins if n), default=0.0)
    highest = max((high for _, high, n in bins if n), default=0.0)
    return parts.Chart(
        key="latency-distribution",
        title="Distribution",
        alt="Histogram of latency with quantiles: "
        + ", ".join(f"{mark.name} {mark.text}" for mark in marks)
        + (f". Limit: {text}." if text else "."),
        plot=parts.DistributionPlot(
            unit=unit,
            bins=bins,
            quantiles=marks,
            limit=bound,
            limit_text=text,
            log=lowest > 0 and highest / lowest > parts.LOG_FROM,
        ),
    )


def _mark(quantile: Quantile, factor: float) -> parts.QuantileMark:
    value = quantile.estimate.value or 0.0
    low, high = (end * factor for end in parts.ends_of(quantile.estimate))
    text = parts.number(value, "seconds")
    return parts.QuantileMark(name=_name(quantile.q), value=value * factor, low=low, high=high, text=text)


def _quantile_tables(latency: Latency) -> list[parts.Table]:
    columns = [("Caller", latency.caller), ("Service", latency.service), ("First token", latency.ttft)]
    present = [(title, {q.q: q for q in quantiles}) for title, quantiles in columns if quantiles]
    if not present:
        return []
    rows = [
        (
            parts.Cell(_name(q)),
            *(
                parts.Cell(parts.figure(seen[q].estimate, "seconds"), kind="number", cases={"order": "slowest"})
                if q in seen
                else parts.Cell("")
                for _, seen in present
            ),
        )
        for q in sorted({q for _, quantiles in present for q in quantiles})
    ]
    note = (
        "Caller: first send to answer, with retries and backoff; thresholds are held against it. "
        "Service: the final attempt alone, from when its request was written."
    )
    head = ("Quantile", *(title for title, _ in present))
    return [parts.Table(title="Quantiles", folded=True, head=head, rows=tuple(rows), note=note)]


def _parts_chart(latency: Latency) -> list[parts.Chart]:
    if not latency.parts or latency.recorded:
        return []
    factor, unit = (1000.0, "ms") if max(part.mean_s for part in latency.parts) < 2 else (1.0, "s")
    told = tuple(
        (part.name, part.mean_s * factor, f"{seconds(part.mean_s)} ({parts.number(part.share, 'share')})")
        for part in latency.parts
    )
    alt = f"Mean time of a trial by part: {', '.join(f'{name} {text}' for name, _, text in told)}."
    plot = parts.PartsPlot(x_title=f"mean time a trial ({unit})", parts=told)
    return [parts.Chart(key="latency-parts", title="Where the time of a trial went", alt=alt, plot=plot)]


def _parts_tables(latency: Latency) -> list[parts.Table]:
    rows = tuple(
        (
            parts.Cell(part.name),
            parts.number_cell(seconds(part.mean_s)),
            parts.number_cell(parts.number(part.share, "share")),
        )
        for part in latency.parts
    )
    if not rows or latency.recorded:
        return []
    return [parts.Table(title="Where the time went", head=("Part", "Mean a trial", "Share"), rows=rows, folded=True)]


def _notes(latency: Latency) -> list[str]:
    notes = []
    if latency.recorded and latency.n:
        whose = f"are by {latency.clock}" if latency.clock else "were recorded elsewhere"
        notes.append(f"These latencies {whose} and are judged as given.")
    if latency.untimed:
        known = latency.n - latency.censored
        replies = parts.count(known + latency.untimed, "reply", "replies")
        told = f"A latency is recorded for {known:,} of {replies}."
        waited = f"{known:,} of {replies} were asked at once; the others: {latency.waited}."
        notes.append(waited if latency.waited else told)
    if latency.censored:
        notes.append(f"{parts.count(latency.censored, 'trial')} failed or timed out: counted as slower than any limit.")
    return notes
