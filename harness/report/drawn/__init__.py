"""Charts and small pictures as SVG, in colours that the page's style sheet gives.

`drawings` draws every kind of chart over `axes`, `front` the one that places names; `pictures` draws an interval
for a table cell.
"""

from harness.report.drawn.drawings import chart_svg
from harness.report.drawn.pictures import bar_svg, interval_svg, scale_svg, ticks_svg
