"""The parts that a report is made of: plain frozen values with figures already written as text.

`page` has what any page is made of, `plots` what a chart shows, `views` what a report of a run says, `figures`
how an estimate is shown. Renderers lay these out and compute nothing. Every string may hold foreign text: a
renderer passes it through `neutral` for its own medium.
"""

from harness.report.parts.figures import *
from harness.report.parts.first import *
from harness.report.parts.neutral import *
from harness.report.parts.page import *
from harness.report.parts.plots import *
from harness.report.parts.views import *
