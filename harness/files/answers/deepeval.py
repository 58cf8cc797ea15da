"""DeepEval: test runs as JSON. Its `completionTime` is what whoever wrote the test measured, in seconds."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from harness.files.answers.answer import NOT_STORED, UNLABELLED, Given, Part, Stored, by, reply
from harness.files.answers.opened import Document, Findings

NAME = "DeepEval"
ASKED: tuple[str, ...] = ()
_CLOCK = "the clock of the DeepEval test, as its `completionTime` tells"


def knows(first: Part) -> bool:
    """Tell whether a document is a test run."""
    return isinstance(_run(first).at("testCases").value, list)


def _run(whole: Part) -> Part:
    return whole.at("testRunData") if whole.fields("testRunData") else whole


def read(file: Path, documents: Sequence[Document], findings: Findings) -> Stored:
    """Read the test cases that are no conversations; without an `actualOutput` one failed."""
    run = _run(Part(documents[0][1]))
    tests = run.items("testCases")
    asked: dict[str, set[str]] = defaultdict(set)  # name -> inputs; a test that is run again has its name
    for test in tests:
        asked[test.text("name")].add(test.text("input"))
    model = run.text("hyperparameters", "model") or run.text("identifier") or "model"
    answers = []
    for n, test in enumerate(tests):
        wanted = test.text("expectedOutput").strip()
        if not wanted:
            fix = "Give the test an expected output."
            findings.add(file, None, f"testCases[{n}].expectedOutput", UNLABELLED, fix)
            continue
        said, success = test.at("actualOutput"), test.at("success").value
        known = len(asked[test.text("name")]) == 1
        usage = test.usage("inputTokenCount", "outputTokenCount")
        answers.append(
            Given(
                case=test.name("name" if known else "", otherwise=test.text("input")),
                expected=wanted,
                outcome=NOT_STORED if said.value is None else reply(said.text(), usage),
                candidate=f"test@{model}",
                latency_s=test.seconds("completionTime"),
                inputs=Part({"input": test.text("input")}).inputs(),
                tags=test.texts("tags"),
                passed=success if isinstance(success, bool) else None,
            )
        )
    talks = len(run.items("conversationalTestCases"))
    timed = any(given.latency_s is not None for given in answers)
    return Stored(
        tool=NAME,
        name=run.text("identifier") or file.stem,
        answers=tuple(answers),
        rule_for=by({"as": "mention"}),
        clock=_CLOCK if timed else "",
        notes=(f"{talks:,} conversations are not judged here",) if talks else (),
    )
