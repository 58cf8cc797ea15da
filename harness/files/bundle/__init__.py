"""A suite with all that it names, gathered, checked against each other, and frozen before the first call."""

from harness.files.bundle.bundle import Bundle, Candidate, Via
from harness.files.bundle.demands import read_policy
from harness.files.bundle.fitting import inputs_sent, too_dear
from harness.files.bundle.gathering import Gatherer, unique_names
from harness.files.bundle.loading import load_bundle
