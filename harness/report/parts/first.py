"""What a report says first: what to do, what blocks, every check of every candidate, what is got wrong."""

from dataclasses import dataclass, field

from harness.judge import FigureText, Scale
from harness.report.parts.page import Cases, Picture, Tone


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
    told: str  # `why` beside the figure and the requirement
    picture: Picture | None
    name: str  # without operator and bound
    figure: FigureText  # `seen`, in two
    scale: Scale  # of the figure
    anchor: str  # of what it is made of: what follows a candidate's key in an id
    cases: Cases = field(default_factory=dict)  # those that it is about; empty where none stand out
    ease: float = 0.0  # by how many half-widths of its interval it is on the wanted side; below 0 it was missed

    @property
    def order(self) -> tuple[int, float]:
        """What sorts checks by what matters: failed, open, passed; of each the worst missed first."""
        return ({"FAIL": 0, "PASS": 2}.get(self.status, 1), self.ease)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleGroup:
    """Checks of one unit on one axis; every picture has that axis."""

    title: str
    scale: Scale
    currency: str
    axis: tuple[float, float]
    rows: tuple[CheckRow, ...]
    left_out: int  # checks that pass and have no place


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCase:
    """A case with one reply to it."""

    case: str
    text: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusedRow:
    """A label that was read as another, or as none, how often, and two cases."""

    expected: str
    read_as: str
    many: str  # 73 of 840 trials
    share: str  # 8.7%
    size: float  # against the most frequent, 0 to 1
    on: str  # 31 cases
    samples: tuple[SampleCase, ...]
    cases: Cases


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """One check of one candidate."""

    status: str
    tone: Tone
    figure: FigureText
    anchor: str
    cases: Cases


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRow:
    """One candidate: how it stands, and its checks in the order of the columns; None where it has not that one."""

    key: str
    name: str
    verdict: str
    tone: Tone
    standing: str  # recommended, or nearest where none is ready; on the front; beaten by whom
    chosen: bool
    cells: tuple[GridCell | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridView:
    """Every check of every candidate that was measured, best first."""

    columns: tuple[tuple[str, str], ...]  # what a threshold is about, and what it requires
    rows: tuple[GridRow, ...]
    left_out: int  # checks that every candidate passes, and that have no column
