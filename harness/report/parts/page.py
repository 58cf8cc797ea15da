"""What any page is made of: sections of figures, tables and charts, and the cells of a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.report.changes import Fate
from harness.report.parts.plots import Plot

Tone: TypeAlias = Literal["pass", "fail", "inconclusive", "plain"]
Cases: TypeAlias = Mapping[str, str]  # which cases of a candidate, as the viewer's filters
CellKind: TypeAlias = Literal["text", "number", "code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An interval on an axis, small enough for a table cell; with a threshold where there is one."""

    value: float
    low: float
    high: float
    axis: tuple[float, float]
    alt: str
    threshold: float | None = None
    bound: float | None = None  # the end that decides a check
    wanted: Literal["above", "below"] | None = None
    tone: Tone = "plain"
    within: float = 0.0  # as far on either side of the threshold nothing is looked for


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table."""

    text: str
    kind: CellKind = "text"
    tone: Tone = "plain"
    picture: Picture | None = None
    hint: str = ""  # why a figure is undefined
    cases: Cases | None = None  # those that it stands for
    pieces: tuple[tuple[Fate, str], ...] = ()  # what changed in the text, for media that can mark it


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under a head; the kind of a column is that of its cells."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    note: str = ""
    picture_note: str = ""  # how to read the pictures, where they are drawn
    folded: bool = False  # detail that is shown on demand


@dataclass(frozen=True, slots=True)
class NamedFigure:
    """A named figure and, where the name does not say it, what it means."""

    name: str
    text: str
    hint: str = ""
    tone: Tone = "plain"
    cases: Cases | None = None  # as of a cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart to draw, with the sentence that says the same to who can't see it."""

    key: str
    title: str
    alt: str
    plot: Plot


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One subject: the sentence that sums it up, then figures, charts, tables and notes."""

    key: str
    title: str
    lead: str = ""
    figures: tuple[NamedFigure, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    short: str = ""  # the title as a link or the head of a line; empty where the title is one word

    @property
    def link(self) -> str:
        """What stands for the section where there is room for a word."""
        return self.short or self.title
