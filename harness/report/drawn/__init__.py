"""Charts and small pictures as SVG, in colours that the page's style sheet gives.

`charts` draws what `drawings`, `front` and `trends` describe; `pictures` draws an interval for a table cell.
"""

from harness.report.drawn.charts import chart_svg
from harness.report.drawn.pictures import interval_svg
