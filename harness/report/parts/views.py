"""What a report of a run says, laid out as the values that every renderer renders."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

from harness.report.parts.first import CheckRow, ConfusedRow, FigureText, GridView, SampleCase, ScaleGroup
from harness.report.parts.page import Cases, Cell, Chart, Section, Table, Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionCell:
    """A count with its shares; `shade` 0..5 grows with the row share."""

    count: str
    row_share: str
    column_share: str
    kind: Literal["right", "wrong", "none", "zero"]
    shade: int
    worst: bool = False
    cases: Cases = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionRow:
    """All readings of one expected label."""

    label: str
    cells: tuple[ConfusionCell, ...]
    total: str
    recall: str

    def runs(self, joined: bool) -> list[tuple[ConfusionCell, int]]:
        """Give each cell with how many it stands for: `joined`, zeros beside each other are one."""
        alike = (list(cells) for _, cells in groupby(self.cells, lambda c: (joined and c.kind == "zero") or id(c)))
        return [(cells[0], len(cells)) for cells in alike]


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
    key: str = ""  # safe in an HTML id


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """A reply that no label was read from, and why not."""

    case: str
    reply: str
    reason: str
    id: str = ""  # of the case, as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class TroubleView:
    """One way in which trials ended without a label: what happened, why, and what to do."""

    kind: str  # as in report.json
    whose: Literal["endpoint", "prompt"]
    outcome: str  # of the trials that met it
    search: str  # what tells them from others of this outcome; empty where that does
    title: str
    tone: Tone
    many: str  # 36 of 40 replies (90.0%)
    decides: str  # what hangs on it; empty where nothing does
    words: str  # the endpoint's own, or why the first reply has no label
    next: str  # what to do, with the place; empty where nothing can be advised
    case: str  # one that met it
    samples: tuple[SampleView, ...]
    id: str = ""  # of that case, as it is

    @property
    def cases(self) -> Cases:
        """Those that met it, variants included."""
        return {"variant": "all", "outcome": self.outcome, "search": self.search}


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
    checks: tuple[CheckRow, ...] = ()
    traps: tuple[str, ...] = ()
    confusion: ConfusionView | None = None
    labels: Section | None = None  # as all figures: none of a candidate that was not measured
    quality: Section | None = None
    tradeoff: Section | None = None
    latency: Section | None = None
    stability: Section | None = None
    robustness: Section | None = None
    generalization: Section | None = None
    leakage: Section | None = None
    cost: Section | None = None
    slices: Section | None = None
    notable: tuple[NotableGroup, ...] = ()
    measurement: Section | None = None
    messages: tuple[tuple[str, str], ...]  # role, template, as measured
    history: Section | None = None
    went_wrong: tuple[TroubleView, ...] = ()
    unshown: str = ""  # why there are no checks
    next_step: str = ""  # the one thing to do; empty where an earlier version judged
    next_samples: tuple[SampleCase, ...] = ()  # of what is to be mended in the prompt
    confused: tuple[ConfusedRow, ...] = ()  # what it gets wrong, most frequent first
    scales: tuple[ScaleGroup, ...] = ()  # its checks, on one axis a unit

    @property
    def anchors(self) -> frozenset[str]:
        """What of it a report has, as the ends of ids."""
        there = {"wrong": self.went_wrong, "confused": self.confused, "checks": self.checks, "cases": self.notable}
        found = {key for key, value in there.items() if value}
        return frozenset(found | {s.key for s in self.sections} | {f"cases-{group.key}" for group in self.notable})

    @property
    def blocking(self) -> tuple[CheckRow, ...]:
        """The checks that keep it from being ready: the failed ones, then the open ones, worst first."""
        return tuple(sorted((row for row in self.checks if row.status != "PASS"), key=lambda row: row.order))

    @property
    def passing(self) -> tuple[CheckRow, ...]:
        """The checks that pass."""
        return tuple(row for row in self.checks if row.status == "PASS")

    @property
    def deciding(self) -> tuple[TroubleView, ...]:
        """What the verdict hangs on, of what went wrong."""
        return tuple(row for row in self.went_wrong if row.decides)

    @property
    def beside(self) -> tuple[TroubleView, ...]:
        """What went wrong without deciding anything."""
        return tuple(row for row in self.went_wrong if not row.decides)

    @property
    def wrong_in_short(self) -> str:
        """What went wrong on one line: `Server error: 2 of 450 calls (0.4%); …`."""
        return _in_short(self.went_wrong)

    @property
    def beside_in_short(self) -> str:
        """What does not decide, on one line."""
        return _in_short(self.beside)

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


def _in_short(rows: tuple[TroubleView, ...]) -> str:
    return "; ".join(f"{row.title}: {row.many}" for row in rows)


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
    standing: str = ""  # recommended (nearest, where none is ready), on the front, beaten by whom


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
    candidates: tuple[CandidateView, ...]  # those that were not measured, then the others, best first
    mislabelled: NotableGroup | None
    policy: tuple[str, ...]
    reproduce: Section
    command: str
    version: str
    sure: str = ""  # the confidence of the intervals
    grid: GridView | None = None  # of two candidates or more that were measured
    taken: str = ""  # key of the candidate to take, or of the nearest one; that which could not be measured, if alone

    @property
    def several(self) -> bool:
        """Whether there are candidates to tell apart."""
        return len(self.candidates) > 1

    @property
    def shown(self) -> tuple[CandidateView, ...]:
        """The candidates, the one of the first screen first."""
        return tuple(sorted(self.candidates, key=lambda c: c.key != self.first.key))

    @property
    def first(self) -> CandidateView:
        """The candidate that the first screen is about."""
        return next((c for c in self.candidates if c.key == self.taken), self.candidates[-1])
