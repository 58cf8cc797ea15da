"""The read-only local viewer over `results/`: server-rendered pages, each also as JSON, no script needed.

Theory of operation
===================

*Nothing is computed twice, nothing is written.* A run's verdict comes from its `report.json`; its cases come
from its journal. `index` reads a journal once into numpy columns: for each trial its case, answer, time and
the place of its line. Filters, sorting and paging work on these columns, and only the rows of one page are
read again from the journal, by offset. A journal that grew is read on from where the reading ended, so a
run that goes on is followed at the cost of what is new.

*Each page is one value.* `pages` makes frozen values; `app` encodes a value as JSON or gives it to a template
of the same name. A figure can't differ between the two.

*Everything shown is hostile.* Replies, cases, prompts and the files of a run are text of strangers:
templates escape every value (`rendering`), the Content-Security-Policy allows our own style sheet and script
alone, `guard` answers reads from this machine's own pages only, and `site.results` never leaves its folder.
"""
