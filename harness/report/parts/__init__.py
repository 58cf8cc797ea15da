"""The parts that a report is made of: plain frozen values with figures already written as text.

`page` has what any page is made of, `plots` what a chart shows, `views` what a report of a run says.
Renderers lay these out and compute nothing. Every string may hold foreign text: a renderer passes it through
`neutral` for its own medium.
"""

from harness.report.parts.page import Cell, Chart, NamedFigure, Picture, Section, Table, Tone
from harness.report.parts.plots import (
    Box,
    DistributionPlot,
    FrontPlot,
    Line,
    PartsPlot,
    Plot,
    QuantileMark,
    SharePlot,
    TimelinePlot,
    TrendPlot,
    TrendPoint,
)
from harness.report.parts.views import (
    CandidateView,
    CheckRow,
    ConfusionCell,
    ConfusionRow,
    ConfusionView,
    LeaderRow,
    NotableGroup,
    NotableRow,
    ReportView,
    SampleView,
    StandingView,
    TroubleView,
)
