"""A suite over time, on a terminal."""

from harness.report.history.terminal import history_terminal
