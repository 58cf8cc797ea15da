"""What a chart shows: numbers in the unit of their axis, no drawing."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A point with its interval in both directions."""

    name: str
    x: float
    y: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    note: str = ""  # below the name


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A curve with an optional band."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePlot:
    """Two shares against each other: precision over recall, ROC, reliability."""

    x_title: str
    y_title: str
    boxes: tuple[Box, ...] = ()
    line: Line | None = None
    x_required: float | None = None
    y_required: float | None = None
    diagonal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileMark:
    """A latency quantile with its interval, in the unit of the plot."""

    name: str
    value: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionPlot:
    """A histogram with quantiles above it and the limit through both."""

    unit: str  # ms or s
    bins: tuple[tuple[float, float, int], ...]
    quantiles: tuple[QuantileMark, ...]
    limit: float | None
    limit_text: str
    log: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePlot:
    """Points over the time of the run, or steps of a setting."""

    x_unit: str
    y_title: str
    points: tuple[tuple[float, float], ...]
    limit: float | None = None
    limit_text: str = ""
    steps: bool = False
    log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsPlot:
    """How a whole is made up: a bar for each part, its figure beside it."""

    x_title: str
    parts: tuple[tuple[str, float, str], ...]  # name, size, figure as text


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPoint:
    """A share with its interval at one step of a series; a step may have none."""

    at: str  # name of the step
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPlot:
    """Shares over steps: runs, or versions of a prompt; with marks where something was released."""

    x_title: str
    y_title: str
    steps: tuple[str, ...]  # all of them, in order; names are distinct
    series: tuple[tuple[str, tuple[TrendPoint, ...]], ...]
    marks: tuple[tuple[str, str], ...] = ()  # step, a letter
    required: float | None = None
    required_text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPlot:
    """A share over a time, a point a candidate: those on the Pareto front, and those that are beaten."""

    x_title: str
    y_title: str
    front: tuple[Box, ...]
    beaten: tuple[Box, ...]
    log: bool


Plot: TypeAlias = SharePlot | DistributionPlot | TimelinePlot | TrendPlot | PartsPlot | FrontPlot
