"""Labelled cases, read from tables of any usual form, and harmless variants of them."""

from harness.files.case.cases import KNOWN, Case, CaseReader, case_digest, read_labels
from harness.files.case.perturb import PROMPT_LEVEL, apply_own, check_names, is_own, main_input, perturb_case
from harness.files.case.rows import LARGEST_FILE, LONGEST_FIELD, list_in, read_json, read_jsonl
from harness.files.case.separated import NAMELESS, SEPARATORS, named_cells, read_beside, read_separated
from harness.files.case.sheets import read_sheet
from harness.files.case.tables import class_names, read_remote, read_table
