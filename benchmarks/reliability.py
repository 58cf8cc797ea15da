"""Every promise, the tests that show it, and what they counted: writes docs/reliability.md.

    python benchmarks/reliability.py [--full] [--matrix FILE] [--soak FILE] [--output docs/reliability.md]
    python benchmarks/reliability.py --only WORD ... [--junit FILE]

Runs the tests that the table names, the crash matrix and the soak. `--full` runs the whole matrix and soaks
for half an hour; without it every tenth point and one minute. `--matrix` and `--soak` take what these wrote
with `--json` instead of running them again. `--only` runs what shows the promises whose tests have one of the
words in their paths, and renews their rows, with the day, in the page that is there. `--junit` counts what a whole
run of the tests wrote (`pytest -o junit_family=xunit1 --junitxml=FILE`) instead of running them again, but for
properties, whose inputs only one process counts. Exit code 1 when a promise did not hold.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Promise:
    """One line of the table: what is promised and the tests that show it."""

    words: str
    tests: tuple[str, ...]


SECTIONS: dict[str, list[Promise]] = {
    "The endpoint misbehaves": [
        Promise(
            "A trial ends once, as a reply or a named failure; nothing is sent oftener than said",
            ("tests/integration/test_endpoint_faults.py", "tests/integration/test_run_outcomes.py"),
        ),
        Promise(
            "What is refused alike from the first call on ends after 8 requests at most; failed calls decide no check",
            (
                "tests/integration/test_nothing_measured.py",
                "tests/integration/test_gate_not_measured.py",
                "tests/unit/judge/checks/test_worlds.py",
                "tests/unit/judge/test_failed_is_no_evidence.py",
            ),
        ),
        Promise(
            "A connection that is not safe, or that nobody answers, ends a run after its first calls and says why",
            ("tests/contract/test_trust.py", "tests/integration/test_no_safe_connection.py"),
        ),
        Promise(
            "A reply of any dialect is taken for what it is; a thought, a denial or a cut is no label",
            ("tests/contract/test_dialects.py", "tests/unit/judge/test_labels.py", "tests/unit/judge/labels"),
        ),
        Promise(
            "What opening a connection costs, and a harness that is cold or stood still, is not the endpoint's time",
            (
                "tests/contract/test_openings.py",
                "tests/unit/judge/sections/test_openings.py",
                "tests/integration/test_stood_still.py",
            ),
        ),
        Promise(
            "An independent fault server finds nothing to say against the client",
            ("tests/integration/test_independent_faults.py",),
        ),
        Promise(
            "Any body and any stream is a reply or a named failure, over every transport and protocol",
            (
                "tests/contract/test_transports.py",
                "tests/contract/test_endpoints.py",
                "tests/unit/measure/endpoint",
                "tests/property/test_fuzz_readers.py",
            ),
        ),
        Promise(
            "Quotas are kept; concurrency is cut on 429 only; an outage gets no storm",
            ("tests/unit/measure/pacing/test_pacing.py", "tests/property/test_pacing.py"),
        ),
    ],
    "The process dies, the disk or the clock fails": [
        Promise(
            "After kill -9 a resume gives a whole run's verdict, and pays again only for calls in flight",
            (
                "tests/integration/test_crash_matrix.py",
                "tests/integration/test_resume_kill.py",
                "tests/integration/test_cli_kill.py",
            ),
        ),
        Promise(
            "Bought in a batch, a trial is bought once, whatever is killed or lost on its way, and counts once",
            (
                "tests/integration/test_batch.py",
                "tests/integration/test_batch_crash.py",
                "tests/integration/test_batch_offline.py",
            ),
        ),
        Promise(
            "A disk that is full, small, failing, read-only or missing, and streams that are closed, cost no "
            "finished call",
            ("tests/integration/test_disk_faults.py",),
        ),
        Promise(
            "A wall clock that is set back changes no figure and no order",
            ("tests/integration/test_clock_set_back.py",),
        ),
        Promise(
            "A journal reads as a prefix of what was written, with all that was saved, or names the damage",
            (
                "tests/unit/journal/test_journal.py",
                "tests/property/test_journal.py",
                "tests/property/test_journal_machine.py",
            ),
        ),
        Promise(
            "Runs of every version ever written are read; newer ones are refused",
            ("tests/integration/test_stored_versions.py",),
        ),
    ],
    "The files are wrong": [
        Promise(
            "Every mistake is named with file, line, field and fix, before the first call",
            ("tests/unit/files", "tests/property/test_files_loading.py", "tests/integration/test_cli_mistakes.py"),
        ),
        Promise(
            "Files are read as people have them, and what they left out is said",
            (
                "tests/integration/test_data_sets_as_people_have_them.py",
                "tests/integration/test_files_as_they_are.py",
                "tests/integration/test_recorded_without_times.py",
            ),
        ),
    ],
    "The content is hostile": [
        Promise(
            "No template runs code or uses much time, memory or output",
            (
                "tests/unit/files/prompts/test_render.py",
                "tests/property/test_files_loading.py",
                "tests/integration/test_gate_confines_prompts.py",
            ),
        ),
        Promise(
            "A suite's pattern takes time linear in the reply, and means what it means in Python",
            ("tests/property/test_patterns.py",),
        ),
        Promise(
            "No line of any command instructs a CI service; no mistake in a file, and no error of the "
            "harness, ends with the code of a verdict",
            ("tests/integration/test_hostile_output.py", "tests/unit/cli/ground/test_console.py"),
        ),
        Promise(
            "A run folder from elsewhere is refused by name or judged, whatever its files say, and gets no key",
            ("tests/integration/test_foreign_runs.py",),
        ),
        Promise("No key is shown, wherever it is echoed", ("tests/integration/test_key_canaries.py",)),
        Promise(
            "No reply fools the reader of a report, a comment, a test report or a table",
            ("tests/contract/test_renderers.py", "tests/contract/test_comparison_renderers.py"),
        ),
        Promise("A branch is judged by its base's policy", ("tests/integration/test_gate.py",)),
        Promise(
            "Every kind of change that can move an answer is measured, refused or said; no key goes where a "
            "branch says",
            ("tests/integration/test_gate_sees_changes.py", "tests/integration/test_gate_all.py"),
        ),
        Promise(
            "A gate runs nothing that a branch planted, reads no run that it brought, and calls no prompt "
            "unchanged that it can't read",
            ("tests/integration/test_gate_runs_nothing_of_a_branch.py",),
        ),
        Promise(
            "The viewer is read-only, answers its own address only, and stays in its folder",
            ("tests/unit/web", "tests/integration/test_viewer.py", "tests/browser"),
        ),
    ],
}


@dataclass
class Seen:
    """What the tests of one promise gave."""

    passed: int = 0
    skipped: int = 0
    failed: int = 0
    examples: int = 0
    requests: int = 0
    faults: int = 0

    def add(self, other: Seen) -> None:
        """Count what others gave, too."""
        for name in vars(other):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def words(self) -> str:
        """Give it as a cell of the table."""
        parts = [f"{self.passed:,} tests"]
        parts += [f"{self.skipped} skipped"] * bool(self.skipped)
        parts += [f"**{self.failed} failed**"] * bool(self.failed)
        parts += [f"{self.examples:,} generated inputs"] * bool(self.examples)
        parts += [f"{self.faults:,} faults in {self.requests:,} requests"] * bool(self.requests)
        return ", ".join(parts)


def run_tests(paths: tuple[str, ...], junit: Path | None = None) -> Seen:
    """Run the tests of a promise and count; one process for properties: only there inputs are counted."""
    seen = Seen()
    properties = [path for path in paths if path.startswith("tests/property")]
    for chosen, workers in (([p for p in paths if p not in properties], "2"), (properties, "0")):
        if chosen and workers == "2" and junit is not None:
            seen.add(_counted(_of_files(ET.parse(junit).getroot(), chosen)))
        elif chosen:
            seen.add(_run(chosen, workers))
    return seen


def _run(paths: list[str], workers: str) -> Seen:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        options = ["-q", "-n", workers, "--dist", "loadgroup", "-o", "junit_family=xunit1"]
        command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *paths]
        subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
        return _counted(ET.parse(report).getroot())


def _of_files(tree: ET.Element, paths: list[str]) -> ET.Element:
    """Give the tests of these files and folders."""
    chosen = ET.Element("testsuite")
    chosen.extend(
        case
        for case in tree.iter("testcase")
        if any(str(case.get("file")) == path or str(case.get("file")).startswith(f"{path}/") for path in paths)
    )
    return chosen


def _counted(tree: ET.Element) -> Seen:
    seen = Seen()
    for case in tree.iter("testcase"):
        ends = Counter(child.tag for child in case)
        for child in case:
            if child.tag in {"failure", "error"}:
                print(f"FAILED {case.get('file')} {case.get('name')}: {child.get('message')}", flush=True)
        seen.skipped += bool(ends["skipped"])
        seen.failed += bool(ends["failure"] or ends["error"])
        seen.passed += not (ends["skipped"] or ends["failure"] or ends["error"])
    for each in tree.iter("property"):
        name, value = each.get("name", ""), each.get("value", "")
        if name == "requests":
            seen.requests += int(value)
        elif name == "faults":
            seen.faults += int(value)
        elif name.startswith("hypothesis-statistics"):
            said = base64.b64decode(value).decode()
            seen.examples += sum(int(found) for found in re.findall(r"(\d+) passing", said))
    return seen


def run_script(earlier: Path | None, name: str, *options: str) -> tuple[bool, Any]:
    """Run a long check, or take what an earlier run wrote; tell whether it held, and what it counted."""
    if earlier is not None:
        counted = json.loads(earlier.read_bytes())
        return not (isinstance(counted, dict) and counted["broken"]), counted
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, str(ROOT / "benchmarks" / name), *options, "--json", str(out)]
        done = subprocess.run(command, cwd=ROOT, check=False)
        return done.returncode == 0, json.loads(out.read_bytes()) if out.exists() else None


def long_checks(args: argparse.Namespace) -> tuple[bool, list[str]]:
    """Run the crash matrix and the soak; give their lines of the page."""
    crashed, matrix = run_script(args.matrix, "crash_matrix.py", "--every", "1" if args.full else "10")
    soaked, seen = run_script(args.soak, "soak.py", "--seconds", "1800" if args.full else "60")
    lines = ["| check | counted |", "|---|---|"]
    lines += [
        f"| crash matrix, {tally['name']} | {tally['interruptions']:,} survived in {tally['projects']:,} "
        f"runs ({tally['missed']:,} would have come after the end); {tally['requests']:,} requests for "
        f"{tally['trials']:,} trials |"
        for tally in matrix or []
    ]
    if seen is not None:
        faults = sum(seen["faults"].values())
        lines.append(
            f"| soak, {seen['seconds']:,.0f} s | {seen['trials']:,} trials, {seen['requests']:,} requests, "
            f"{faults:,} faults of {len(seen['faults'])} kinds; memory {seen['memory_mb'][0]:.0f} -> "
            f"{seen['memory_mb'][1]:.0f} MB, open files {seen['files'][0]:.0f} -> {seen['files'][1]:.0f}, "
            f"{seen['connections_left']} connections and {seen['processes_left']} processes left |"
        )
    return crashed and soaked, lines


def row_of(promise: Promise, when: str = "", junit: Path | None = None) -> tuple[bool, str]:
    """Run the tests of a promise; tell whether it held, and give its row."""
    seen = run_tests(promise.tests, junit)
    links = ", ".join(f"[{Path(test).name}](../{test})" for test in promise.tests)
    return seen.failed == 0 and seen.passed > 0, f"| {promise.words} | {links} | {seen.words()}{when} |"


def renewed(args: argparse.Namespace) -> tuple[bool, str]:
    """Renew the rows that are asked for in the page that is there; tell whether all held."""
    lines, held = args.output.read_text().splitlines(), True
    for title, promises in SECTIONS.items():
        at = lines.index(f"## {title}") + 4  # where the section's first row stands
        for promise in promises:
            there = lines[at].startswith(f"| {promise.words} |")
            if any(word in test for word in args.only for test in promise.tests):
                kept, row = row_of(promise, f" ({datetime.now(UTC):%Y-%m-%d})", args.junit)
                held, lines[at : at + there] = held and kept, [row]
                print(row, flush=True)
                there = True
            at += there
    return held, "\n".join(lines) + "\n"


def page(args: argparse.Namespace) -> tuple[bool, str]:
    """Write the page; tell whether all held."""
    lines = [
        "# Reliability: promises, and what shows them",
        "",
        "This page lists what is promised where things go wrong, the tests that show it, and what they counted.",
        "",
        f"Written by `python benchmarks/reliability.py` on {datetime.now(UTC):%Y-%m-%d}. How long the long",
        "checks ran stands in their rows: `--full` runs all 315 of the matrix and soaks half an hour.",
        "CI runs the tests, with a sample of the crash matrix among them, and half a minute of the soak.",
        "A row with a day was renewed then.",
        "A number of generated inputs is that of Hypothesis; requests are counted at the server.",
    ]
    held = True
    for title, promises in SECTIONS.items():
        lines += ["", f"## {title}", "", "| promise | shown by | counted |", "|---|---|---|"]
        for promise in promises:
            kept, row = row_of(promise)
            held = held and kept
            lines.append(row)
            print(lines[-1], flush=True)
    well, rows = long_checks(args)
    lines += ["", "## Killed and soaked", "", *rows, ""]
    lines += [
        "The crash matrix kills a real run at each fsync, write, rename, mkdir, truncation and socket write",
        "of its threads, in the run, in the resume, and in the second resume; and lets writes and fsyncs of",
        "the journal fail.",
        "The soak runs 200 calls in flight against an endpoint of whose answers one in twenty is broken.",
        "How the rest scales is in [benchmarks](../benchmarks/README.md).",
        "",
    ]
    return held and well, "\n".join(lines)


def main() -> None:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--matrix", type=Path, help="what crash_matrix.py --json wrote")
    parser.add_argument("--soak", type=Path, help="what soak.py --json wrote")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="renew the rows of tests of such paths")
    parser.add_argument("--junit", type=Path, help="with --only: what a whole run of the tests wrote")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "reliability.md")
    args = parser.parse_args()
    held, text = renewed(args) if args.only else page(args)
    args.output.write_text(text)
    sys.exit(not held)


if __name__ == "__main__":
    main()
