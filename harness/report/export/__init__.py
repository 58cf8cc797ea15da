"""A run's trials as a table for other tools: the rows, and the files that hold them."""

from harness.report.export.files import csv_lines, write_csv, write_jsonl, write_parquet
from harness.report.export.rows import COLUMNS, Row, rows_of, trial_rows
