"""Several candidates side by side: the table, which differences are real, and what to take."""

from collections.abc import Sequence

from harness import judge
from harness.files.thresholds import metric_of
from harness.report import parts
from harness.report.parts import Box, CandidateView, Cell, Chart, FrontPlot, LeaderRow, StandingView, Table

FEWEST_DRAWN = 3  # candidates


def leader_rows(
    assessment: judge.Assessment, ranked: Sequence[judge.CandidateAssessment], views: Sequence[CandidateView]
) -> tuple[LeaderRow, ...]:
    """Give one row a candidate that was measured, best first; none for a single one.

    Why a figure is undefined stands below.
    """
    if len(ranked) < 2:
        return ()
    return tuple(_row(c, view, assessment.leaderboard) for c, view in zip(ranked, views, strict=True))


def _row(c: judge.CandidateAssessment, view: CandidateView, board: judge.Leaderboard | None) -> LeaderRow:
    accuracy = parts.figure(c.classification.accuracy, "share")
    p95 = next((q.estimate for q in c.latency.caller if q.q == 0.95), None)
    priced, currency = c.cost.priced, c.cost.currency
    picture = parts.interval_picture(c.classification.accuracy, accuracy, axis=(0.0, 1.0))
    return LeaderRow(
        key=view.key,
        name=view.name,
        verdict=view.verdict,
        tone=view.tone,
        tally=view.tally,
        accuracy=Cell(accuracy, kind="number", picture=picture),
        balanced=judge.figure_text(c.classification.balanced_accuracy, "share"),
        p95=judge.figure_text(p95, "seconds") if p95 else judge.FigureText("undefined"),
        stability=judge.figure_text(c.stability.agreement, "share"),
        cost=judge.figure_text(c.cost.per_1000, "money", currency) if priced else judge.FigureText("no price"),
        headline=view.headline,
        standing=_standing(c.name, board),
    )


def _standing(name: str, board: judge.Leaderboard | None) -> str:
    if board is None:
        return ""
    row = next(row for row in board.rows if row.name == name)
    if name == board.recommended:
        return "recommended" if row.verdict == "READY" else "nearest"
    return "on the front" if row.on_front else f"beaten by {judge.listed(row.beaten_by, 2)}"


def standing_view(board: judge.Leaderboard | None) -> StandingView | None:
    """Give the sentences and the table of all pairs; None where there is nothing to compare."""
    if board is None:
        return None
    return StandingView(
        recommendation=board.recommendation,
        differences=board.differences,
        front=_front(board),
        weakest=_weakest(board),
        duels=_duels(board),
        chart=_chart(board),
    )


def _front(board: judge.Leaderboard) -> str:
    beaten = len(board.rows) - len(board.front)
    front = f"the Pareto front of {judge.listed(_compared(board))}"
    if not beaten:
        who, none = ("Both", "neither") if len(board.rows) == 2 else ("All", "none")
        return f"{who} are on {front}: {none} is beaten without a price."
    rest = judge.verb(beaten, "the other is", "the others are")
    return f"On {front}: {judge.listed(board.front)}; {rest} beaten."


def _compared(board: judge.Leaderboard) -> list[str]:
    """Name what candidates were compared in; without latencies or prices only the rest."""
    timed = any(row.p95.value is not None for row in board.rows)
    return ["quality", *(["p95"] if timed else []), *(["cost"] if _has_prices(board) else [])]


def _has_prices(board: judge.Leaderboard) -> bool:
    return any(row.cost_per_1000.value for row in board.rows)


def _chart(board: judge.Leaderboard) -> Chart | None:
    """Draw quality over p95 with the cost beside each name; of fewer than three the table says it all."""
    rows = [row for row in board.rows if row.quality.value is not None and row.p95.value is not None]
    if len(rows) < FEWEST_DRAWN:
        return None
    times = [row.p95.value or 0.0 for row in rows]
    factor, unit = (1000.0, "ms") if max(times) < 2 else (1.0, "s")
    quality = metric_of(board.quality).in_words
    beaten = any(not row.on_front for row in rows)
    shown = "filled circles are on the Pareto front, hollow diamonds are beaten" if beaten else "none is beaten"
    missing = [row.name for row in board.rows if row not in rows]
    undrawn = f" Not drawn, without a p95: {judge.listed(missing)}." if missing else ""
    return Chart(
        key="front",
        title=f"{judge.sentence(judge.listed(_compared(board)))}: {shown}",
        alt=f"{judge.sentence(quality)} over p95: {'; '.join(map(_told, rows))}.{undrawn}",
        plot=FrontPlot(
            x_title=f"p95 latency ({unit})",
            y_title=quality,
            front=tuple(_box(row, factor) for row in rows if row.on_front),
            beaten=tuple(_box(row, factor) for row in rows if not row.on_front),
            log=min(times) > 0 and max(times) / min(times) > parts.LOG_FROM,
        ),
    )


def _told(row: judge.Standing) -> str:
    where = "on the front" if row.on_front else "beaten"
    cost = f", {_cost(row)}" if _cost(row) else ""
    return f"{row.name} {parts.figure(row.quality, 'share')} at {parts.figure(row.p95, 'seconds')}{cost}, {where}"


def _cost(row: judge.Standing) -> str:
    """Give the cost; nothing for a model that has no price."""
    value = row.cost_per_1000.value
    currency = row.currency or ""
    return f"{parts.number(value, 'money', currency=currency)} per 1,000" if value else ""


def _box(row: judge.Standing, factor: float) -> Box:
    (x_low, x_high), (y_low, y_high) = parts.ends_of(row.p95), parts.ends_of(row.quality)
    return Box(
        name=row.name,
        x=(row.p95.value or 0.0) * factor,
        y=row.quality.value or 0.0,
        x_low=x_low * factor,
        x_high=x_high * factor,
        y_low=y_low,
        y_high=y_high,
        note=_cost(row),
    )


def _weakest(board: judge.Leaderboard) -> str:
    if board.cochran_p is None:
        return "No case tells the candidates apart."
    told = parts.p_value(board.cochran_p)
    if board.weakest is not None:
        return f"The candidates differ in accuracy (Cochran's Q: {told}); the weakest is {board.weakest}."
    if board.cochran_p < 1 - board.rows[0].accuracy.confidence:
        return f"The candidates differ in accuracy (Cochran's Q: {told}), but no one is surely the weakest."
    return f"Cochran's Q shows no difference in accuracy among them ({told}), so none is called the weakest."


def _duels(board: judge.Leaderboard) -> Table:
    return Table(
        head=("Metric", "First", "Second", "First − second", "Holm", "So"),
        rows=tuple(
            (
                Cell(metric_of(duel.metric).in_words),
                Cell(duel.first),
                Cell(duel.second),
                parts.number_cell(_difference(duel)),
                parts.number_cell(parts.p_value(duel.p_adjusted)),
                Cell(_so(duel)),
            )
            for duel in board.duels
            if duel.difference.value is not None and (metric_of(duel.metric).scale != "money" or _has_prices(board))
        ),
        note="Paired case by case; p-values adjusted over all pairs of a metric. Noise counts as equal.",
        folded=True,
    )


def _so(duel: judge.Duel) -> str:
    if duel.better:
        return f"{duel.better} is better"
    return f"open: it depends on {parts.count(duel.depends_on, 'failed call')}" if duel.depends_on else "noise"


def _difference(duel: judge.Duel) -> str:
    return str(judge.signed_text(duel.difference, judge.scale_of(duel.metric), duel.currency or ""))
