"""A gate's decision for people and for build servers: terminal, comment, annotations, JUnit."""

from harness.report.gate.ci import STICKY, annotations_of, quiet_commands, render_gate, render_gate_junit
from harness.report.gate.terminal import terminal_gate
