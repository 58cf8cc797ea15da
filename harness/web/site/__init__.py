"""What all pages draw from: the runs of a results folder, and what was read of them and is kept.

`results` never leaves its folder, `summaries` sums up each run for the list, `shelf` keeps the indexes of the
runs that were looked at last, `site` holds all of it together, and `links` has the addresses of its pages.
"""

from harness.web.site.links import SERVED, Addresses, Paging, Query, number_of, query_of, run_address
from harness.web.site.results import Results, RunFolder, results_for
from harness.web.site.shelf import JournalMissing, ReadSoFar, Shelf
from harness.web.site.site import Made, NotFound, Site
from harness.web.site.summaries import CandidateSummary, RunSummary, State
