"""pytest plugin: `pytest suites/ --harness` makes each check of a suite a test.

Off unless asked for, by the flag or by `harness_suites = true` in pytest's configuration: a test run must not
send a paid call by surprise. A suite is measured once, when its first test runs; a check that fails shows its
sentence and what went wrong, and one that is INCONCLUSIVE is skipped with its reason. What was NOT MEASURED
fails: nothing is known of it. Everything heavy is imported only then: pytest loads this module wherever the
package is installed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from harness.files.bundle import Bundle
    from harness.judge import Assessment, CandidateAssessment

REPORTS = pytest.StashKey[list[Path]]()
SUFFIXES = (".suite.yml", ".suite.yaml")
INCONCLUSIVE = ("skip", "fail")


class CheckFailed(Exception):
    """A check that did not pass; the message says why."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag and the settings."""
    group = parser.getgroup("harness", "readiness of prompts")
    group.addoption("--harness", action="store_true", help="Measure *.suite.yml files; each check is a test.")
    group.addoption("--harness-model", action="append", default=[], metavar="M", help="Only this model of harness.yml.")
    group.addoption("--harness-limit", type=int, metavar="N", help="Only N cases of each suite, a fixed sample.")
    parser.addini("harness_suites", "Measure *.suite.yml files.", type="bool", default=False)
    parser.addini("harness_inconclusive", "What an INCONCLUSIVE check is: skip or fail.", default="skip")


def pytest_configure(config: pytest.Config) -> None:
    """Check the settings, and make room for the reports of this session."""
    asked = config.getini("harness_inconclusive")
    if asked not in INCONCLUSIVE:
        raise pytest.UsageError(f"harness_inconclusive is {' or '.join(INCONCLUSIVE)}, not {asked!r}")
    config.stash[REPORTS] = []


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect suites, if one asked for it."""
    config = parent.config
    wanted = config.getoption("--harness") or config.getini("harness_suites")
    if wanted and file_path.name.endswith(SUFFIXES):
        suite: pytest.Collector = SuiteFile.from_parent(parent, path=file_path)
        return suite
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:  # noqa: ANN401
    """Say where the reports are."""
    for report in config.stash[REPORTS]:
        terminalreporter.write_line(f"harness: {report}")


class SuiteFile(pytest.File):
    """A suite; measured when the first of its checks runs."""

    _assessment: Assessment | None = None
    _broken: Exception | None = None

    def collect(self) -> Iterable[pytest.Item]:
        """Give a test for each candidate and threshold."""
        self.bundle = self._load()
        for candidate in self.bundle.candidates:
            for threshold in self.bundle.thresholds:
                item: pytest.Item = CheckItem.from_parent(
                    self, name=f"{candidate.name}::{threshold.text}", candidate=candidate.name, threshold=threshold.text
                )
                # With pytest-xdist, `--dist loadgroup` keeps a suite in one process: it is paid for once.
                item.add_marker(pytest.mark.xdist_group(str(self.path)))
                yield item

    def _load(self) -> Bundle:
        from harness.errors import HarnessError
        from harness.files.bundle import load_bundle

        try:
            return load_bundle(
                self.path,
                models=self.config.getoption("--harness-model"),
                limit=self.config.getoption("--harness-limit"),
            )
        except HarnessError as error:
            raise self.CollectError(f"{error.message}\n{error.fix}".strip()) from None

    def judged(self, candidate: str) -> CandidateAssessment:
        """Give what was found of a candidate, measuring the suite if need be."""
        return next(judged for judged in self._judged().candidates if judged.name == candidate)

    def _judged(self) -> Assessment:
        if self._broken is not None:
            raise self._broken  # the other checks of a suite that can't be measured
        if self._assessment is None:
            try:
                self._assessment = self._measured()
            except Exception as error:
                self._broken = error
                raise
        return self._assessment

    def _measured(self) -> Assessment:
        from harness.errors import EndpointUnusable
        from harness.measure.run import measure

        project = self.bundle.project
        try:
            run = measure(self.bundle, project.root / project.results, command=("pytest", str(self.path)))
        except EndpointUnusable as error:
            if error.run is not None:
                self._reported(error.run)
            raise
        return self._reported(run)

    def _reported(self, run: Path) -> Assessment:
        from harness.judge.assess import assess_run
        from harness.report.run import write_reports
        from harness.rundir import read_manifest

        assessment = assess_run(run)
        paths = write_reports(run, assessment, read_manifest(run))
        self.config.stash[REPORTS].append(paths["html"])
        return assessment


class CheckItem(pytest.Item):
    """One threshold of one candidate."""

    def __init__(self, *, candidate: str, threshold: str, **rest: Any) -> None:  # noqa: ANN401
        super().__init__(**rest)
        self.candidate = candidate
        self.threshold = threshold

    def runtest(self) -> None:
        """Hold the threshold against what was measured."""
        from harness.judge import what_decides

        assert isinstance(self.parent, SuiteFile)
        judged = self.parent.judged(self.candidate)
        if judged.verdict == "NOT MEASURED":
            raise CheckFailed(judged.headline)
        check = next((check for check in judged.checks if check.threshold == self.threshold), None)
        if check is None:
            pytest.skip(f"{self.threshold} does not apply to this run")
        self.add_report_section("call", "harness", check.why)
        wrong = what_decides(judged.went_wrong)
        told = f"{check.why}\nWhat went wrong: {wrong}" if wrong else check.why
        if check.status == "FAIL":
            raise CheckFailed(told)
        if check.status == "INCONCLUSIVE":
            if self.config.getini("harness_inconclusive") == "fail":
                raise CheckFailed(f"INCONCLUSIVE: {told}")
            pytest.skip(f"INCONCLUSIVE: {' '.join(told.split())}")

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ANN401
    ) -> str | TerminalRepr:
        """Show the sentence of a check, and of a mistake what to do; a traceback only for our own faults."""
        from harness.errors import HarnessError
        from harness.report.parts import visible

        match excinfo.value:
            case CheckFailed() as failed:
                return visible(f"{self.candidate}: {failed}")
            case HarnessError() as error:
                return visible(f"{error.message}\n{error.fix}".strip())
            case _:
                return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Name the test as `pytest -v` shows it."""
        return self.path, None, self.name
