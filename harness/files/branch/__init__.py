"""What a pull request changed: its prompts beside the base's, under a policy that it can't touch."""

from harness.files.branch.answering import FREE
from harness.files.branch.bundle import GateBundle, gate_bundle, gate_bundles
from harness.files.branch.pairing import GateAsked, Pair
