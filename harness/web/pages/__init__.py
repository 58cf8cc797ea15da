"""The pages as values: each module makes one from the site and the query of an address."""

from harness.web.pages.case import case_page
from harness.web.pages.cases import CASE_FILTERS, DOWNLOADS, StillReading, cases_download, cases_page
from harness.web.pages.compare import SIDES, TICKED, ComparePage, compare_page
from harness.web.pages.history import history_page
from harness.web.pages.run import JudgedRun, cases_link, report_stamp, run_page
from harness.web.pages.runs import RUN_FILTERS, runs_page
