"""Live progress on stderr: `tally` sums up a candidate, `counting` the run, `display` shows it.

Rough and cheap, never the verdict. What draws or judges is imported once a run begins, not by `--help`.
"""

from harness.cli.progress.display import fetching, watching, watching_bundle
