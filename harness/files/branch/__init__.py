"""What a pull request changed: its prompts beside the base's, under a policy that it can't touch."""

from harness.files.branch.answering import FREE
from harness.files.branch.bundle import GateAsked, GateBundle, Pair, gate_bundle, gate_bundles
