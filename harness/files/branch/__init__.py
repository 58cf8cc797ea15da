"""What a pull request changed: its prompts beside the base's, under a policy that it can't touch."""

from harness.files.branch.bundle import FREE, Asked, GateBundle, Pair, gate_bundle
from harness.files.branch.repository import Repository
