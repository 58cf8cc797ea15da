"""How it was measured: how far the times can be trusted, and what was called."""

import json
from collections.abc import Callable
from functools import partial

from harness.judge import CandidateAssessment, Latency, Plain, Replies, SettledEarly, TimingQuality, settled, title
from harness.report.parts import Cell, Chart, NamedFigure, Section, Table, TimelinePlot, count, number
from harness.rundir import CandidateEntry

_MOST_NAMED = 5  # words or fields of one kind that are named


def _settled(early: SettledEarly) -> NamedFigure:
    text = settled(early).removeprefix("settled ")
    hint = f"the rest was not asked; what was settled is wrong in at most {early.delta:.0%} of all orders"
    return NamedFigure("Settled", text, hint=hint)


def measurement_section(candidate: CandidateAssessment, entry: CandidateEntry | None) -> Section:
    """Say how far the times can be trusted and what was called."""
    quality, latency = candidate.timing_quality, candidate.latency
    named: tuple[tuple[str, float | None, Plain, str], ...] = (
        ("Own lag, p99", quality.lag_p99_s, "seconds", "how late our event loop was"),
        ("Own lag, max", quality.lag_max_s, "seconds", ""),
        ("Own CPU", quality.cpu_share, "share", "of one core"),
        ("CPU of other programs", quality.others_share, "share", "of this machine's cores"),
        ("Own time", quality.own_share, "share", "of the trials' total"),
    )
    processes = count(quality.processes, "process", "processes")
    figures = [
        NamedFigure("Trials", f"{candidate.trials:,}", hint=count(latency.attempts, "attempt")),
        *([] if candidate.settled is None else [_settled(candidate.settled)]),
        NamedFigure("Retried trials", f"{latency.retried_trials:,}", hint=_retries(latency)),
        NamedFigure("Warm-up calls", f"{latency.warmup_calls:,}", hint="not counted in any figure"),
        NamedFigure("Most in flight", f"{quality.max_in_flight:,}", hint=f"from {processes}"),
        *_openings(latency),
        *_steady_limit(quality),
        *[NamedFigure(name, number(value, unit), hint=hint) for name, value, unit, hint in named if value is not None],
        *([] if candidate.replies is None else _beside_labels(candidate.replies)),
    ]
    return Section(
        key="measurement",
        title="How it was measured",
        short="Measurement",
        lead=quality.sentence,
        figures=tuple(figures),
        charts=tuple(_limit_history(quality)),
        tables=(*_nodes(quality), *(_called(entry) if entry else ())),
    )


def _retries(latency: Latency) -> str:
    return f"after {_commonest(latency.retries, title)}" if latency.retries else ""


def _openings(latency: Latency) -> list[NamedFigure]:
    if latency.opening_s is None:
        return []
    hint = f"{number(latency.opening_s, 'seconds')} each (median): in caller latencies, not in service"
    return [NamedFigure("Opened a connection", count(latency.opened, "call"), hint=hint)]


def _beside_labels(replies: Replies) -> list[NamedFigure]:
    tokens = f"{count(replies.reasoning_tokens, 'token')} of reasoning, paid as output"
    thinking = tokens if replies.reasoning_tokens else "their tokens were not counted"
    called = "`reply: {as: json, from: tool}` in the suite reads their arguments"
    rows = [
        ("Replies with reasoning", replies.reasoned, thinking),
        ("Tool calls without a label", replies.tool_calls, called),
        ("Unknown finish reasons", *_listed(replies.unknown_endings, "read as a stop")),
        ("Odd fields of replies", *_listed(replies.odd, "not known")),
    ]
    return [NamedFigure(name, f"{number:,}", hint=hint) for name, number, hint in rows if number]


def _listed(counts: dict[str, int], meaning: str) -> tuple[int, str]:
    return sum(counts.values()), f"{meaning}: {_commonest(counts)}"


def _commonest(counts: dict[str, int], said: Callable[[str], str] = str) -> str:
    most = sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_NAMED]
    return ", ".join(f"{said(name)[:40]} ({counts[name]:,})" for name in most)


def _steady_limit(quality: TimingQuality) -> list[NamedFigure]:
    if len(quality.limit_history) != 1:
        return []  # without one nothing was sent; with several they are drawn
    _, limit, _ = quality.limit_history[0]
    return [NamedFigure("Concurrency limit", f"{limit:,}", hint="all through the run")]


def _nodes(quality: TimingQuality) -> list[Table]:
    """Give what each node of a cluster added: the worst decides whether latencies count."""
    rows = [
        tuple(
            Cell(text)
            for text in (
                load.node,
                f"{load.processes:,}",
                number(load.lag_p99_s, "seconds"),
                number(load.cpu_share, "share"),
                f"{load.clock_s:+.3f} s",
            )
        )
        for load in quality.nodes
    ]
    head, many = ("Node", "Processes", "Own lag, p99", "Own CPU", "Its clock"), len(rows) > _MOST_NAMED
    return [Table(title="Nodes of the cluster", head=head, rows=tuple(rows), folded=many)] if rows else []


def _limit_history(quality: TimingQuality) -> list[Chart]:
    history = quality.limit_history
    if len(history) < 2:
        return []
    return [
        Chart(
            key="concurrency",
            title="Concurrency limit",
            alt=f"The limit on calls in flight moved {count(len(history) - 1, 'time')}, "
            f"from {history[0][1]} to {history[-1][1]}; last reason: {history[-1][2]}.",
            plot=TimelinePlot(
                x_unit="s",
                y_title="calls in flight",
                points=tuple((at, float(limit)) for at, limit, _ in history),
                steps=True,
            ),
        )
    ]


def _called(entry: CandidateEntry) -> list[Table]:
    written = partial(json.dumps, ensure_ascii=False, sort_keys=True, default=str)
    said = {
        str(key).replace("_", " "): value if isinstance(value, str) else written(value)
        for key, value in sorted(entry.model.items())
        if value not in (None, "", [], {}, ())
    }
    said |= {"prompt digest": entry.prompt_digest, "model digest": entry.model_digest}
    rows = tuple((Cell(key), Cell(value, kind="code")) for key, value in said.items())
    return [Table(title="What was called", head=("Setting", "Value"), rows=rows, folded=True)]
