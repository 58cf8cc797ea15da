"""What all pages draw from: the runs of a results folder, and what was read of them and is kept.

`results` never leaves its folder, `summaries` sums up each run for the list, `shelf` keeps the indexes of the
runs that were looked at last, and `site` holds all of it together.
"""

from harness.web.site.results import Results, RunFolder, results_for
from harness.web.site.shelf import JournalMissing, ReadSoFar, Shelf
from harness.web.site.site import Made, NotFound, Site
from harness.web.site.summaries import RunSummary, State
