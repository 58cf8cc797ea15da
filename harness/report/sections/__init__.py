"""The sections of a report, one subject each: from an assessment to sentences, figures, charts and tables."""

from harness.report.sections.cases import notable_group, notable_groups, slices_section
from harness.report.sections.checks import check_rows, grid_view, scale_groups
from harness.report.sections.cost import cost_section
from harness.report.sections.generalization import generalization_section
from harness.report.sections.history import cusum_figure, ended, history_section, letters, since
from harness.report.sections.labels import confused_rows, confusion_view, labels_section, quality_section, sample_cases
from harness.report.sections.latency import latency_section
from harness.report.sections.leaderboard import leader_rows, standing_view
from harness.report.sections.leakage import leakage_section
from harness.report.sections.measurement import measurement_section
from harness.report.sections.robustness import robustness_section
from harness.report.sections.stability import stability_section
from harness.report.sections.tradeoff import tradeoff_section
from harness.report.sections.trouble import troubles
