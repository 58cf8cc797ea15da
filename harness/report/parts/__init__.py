"""The parts that a report is made of: plain frozen values with figures already written as text.

`page` has what any page is made of, `plots` what a chart shows, `views` what a report of a run says, `figures`
how an estimate is shown. Renderers lay these out and compute nothing. Every string may hold foreign text: a
renderer passes it through `neutral` for its own medium.
"""

from harness.report.parts.figures import (
    LOG_FROM,
    STATUS_TONES,
    VERDICT_TONES,
    count,
    difference_cells,
    ends_of,
    estimate_cell,
    figure,
    if_any,
    interval_picture,
    number,
    number_cell,
    p_value,
    percent_of,
    when,
)
from harness.report.parts.first import CheckRow, ConfusedRow, GridCell, GridRow, GridView, SampleCase, ScaleGroup
from harness.report.parts.neutral import (
    MARKDOWN_LIMIT,
    annotation,
    ascii_only,
    cut_markdown,
    json_ready,
    markdown,
    markdown_code,
    markdown_html,
    one_line,
    shorten,
    terminal,
    visible,
    xml,
)
from harness.report.parts.page import Cases, Cell, Chart, NamedFigure, Picture, Section, Table, Tone
from harness.report.parts.plots import *
from harness.report.parts.views import *
