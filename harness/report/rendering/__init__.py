"""Values -> documents: Jinja with an environment for each medium, in which nothing foreign can act.

`environment` finds templates and tells a slip in a user's own, `html` makes self-contained pages, `markdown`
documents for GitHub.
"""

from harness.report.rendering.environment import render
from harness.report.rendering.html import html_environment, render_page
from harness.report.rendering.markdown import inert_html, markdown_page
