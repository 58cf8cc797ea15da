"""Labelled cases, read from tables of any usual form, and harmless variants of them."""

from harness.files.case.cases import KNOWN, Case, CaseReader, case_digest, read_labels
from harness.files.case.perturb import PROMPT_LEVEL, apply_own, check_names, is_own, main_input, perturb_case
