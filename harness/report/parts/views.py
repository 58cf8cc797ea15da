"""What a report of a run says, laid out as the values that every renderer renders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.judge.wording import FigureText
from harness.report.parts.page import Cell, Chart, Picture, Section, Table, Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """A threshold, what was seen, and what follows."""

    threshold: str
    status: str
    tone: Tone
    seen: str
    required: str
    needed: str  # how many would settle it; empty when it is settled
    why: str
    picture: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionCell:
    """A count with its shares; `shade` 0..5 grows with the row share."""

    count: str
    row_share: str
    column_share: str
    kind: Literal["right", "wrong", "none", "zero"]
    shade: int
    worst: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionRow:
    """All readings of one expected label."""

    label: str
    cells: tuple[ConfusionCell, ...]
    total: str
    recall: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionView:
    """The confusion matrix: expected labels down, readings across, `no label` last."""

    columns: tuple[str, ...]
    rows: tuple[ConfusionRow, ...]
    totals: tuple[str, ...]
    precisions: tuple[str, ...]  # one a label; empty below `no label`
    grand_total: str
    worst: str  # a sentence that names the most frequent error
    errors: tuple[str, ...]  # the most frequent errors as `11 × ham read as spam`


@dataclass(frozen=True, slots=True, kw_only=True)
class NotableRow:
    """A case to look at."""

    case: str
    expected: str
    got: str
    text: str
    reply: str
    latency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotableGroup:
    """Cases that deserve a look for the same reason."""

    title: str
    rows: tuple[NotableRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """Everything that a report says of one prompt on one model."""

    key: str  # safe in an HTML id
    name: str
    prompt: str
    model: str
    verdict: str
    tone: Tone
    headline: str
    summary: str  # cases x repeats, trials, outcomes
    tally: str  # 5 of 7 checks pass
    checks: tuple[CheckRow, ...]
    traps: tuple[str, ...]
    confusion: ConfusionView | None
    labels: Section
    quality: Section
    tradeoff: Section | None
    latency: Section
    stability: Section
    robustness: Section | None
    generalization: Section | None
    leakage: Section | None
    cost: Section
    slices: Section | None
    notable: tuple[NotableGroup, ...]
    measurement: Section
    messages: tuple[tuple[str, str], ...]  # role, template, as measured
    history: Section | None = None

    @property
    def sections(self) -> tuple[Section, ...]:
        """Give the sections that exist, in the order of the report."""
        every = (
            self.labels,
            self.quality,
            self.tradeoff,
            self.latency,
            self.stability,
            self.history,
            self.robustness,
            self.generalization,
            self.leakage,
            self.cost,
            self.slices,
            self.measurement,
        )
        return tuple(section for section in every if section is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderRow:
    """A candidate among the others, best first."""

    key: str
    name: str
    verdict: str
    tone: Tone
    tally: str
    accuracy: Cell
    balanced: FigureText
    p95: FigureText
    stability: FigureText
    cost: FigureText
    headline: str
    standing: str = ""  # recommended, on the front, beaten by whom


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingView:
    """What is said of several candidates together."""

    recommendation: str
    differences: str
    front: str
    weakest: str
    duels: Table
    chart: Chart | None = None  # of three candidates or more whose latency is known


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """What every renderer renders."""

    run_id: str
    suite: str
    verdict: str
    tone: Tone
    headline: str
    when: str
    facts: str  # trials, sessions, labels on one line
    warnings: tuple[str, ...]  # incomplete run, calls paid twice, uncommitted changes
    leaderboard: tuple[LeaderRow, ...]  # empty for a single candidate
    standing: StandingView | None
    candidates: tuple[CandidateView, ...]
    mislabelled: NotableGroup | None
    policy: tuple[str, ...]
    reproduce: Section
    command: str
    version: str
