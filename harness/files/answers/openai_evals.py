"""openai/evals: a record log, events in no order; what was right stands in a sample's `match`. No latencies.

Most evals take a reply for right that begins with the label (`Match`): where a log's own counts say so, that is how
its replies are read here.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness.files.answers.answer import NOT_STORED, Failure, Given, Part, Reply, Stored, by, failure, reply
from harness.files.answers.opened import Document, Findings, shown
from harness.files.imported import Passes, rule_of

NAME = "openai/evals"
ASKED: tuple[str, ...] = ()
_MENTION = {"as": "mention", "case_sensitive": True}


def knows(first: Part) -> bool:
    """Tell whether a first line is that of a record log."""
    return bool(first.fields("spec")) or {"sample_id", "type", "data"} <= first.fields().keys()


def read(file: Path, documents: Sequence[Document], findings: Findings) -> Stored:
    """Read all samples of a log; one without a `match` failed, if another event says what would be right.

    A log may hold several runs, as where one was appended to another: each has its own `spec`.
    """
    specs: dict[str, Part] = {}
    samples: dict[tuple[str, str], list[tuple[int | None, Part]]] = {}
    for line, event in ((line, Part(event)) for line, event in documents):
        if event.fields("spec"):
            specs[event.text("spec", "run_id")] = event.at("spec")
        if ident := event.text("sample_id"):
            samples.setdefault((event.text("run_id"), ident), []).append((line, event))
    spec = next(iter(specs.values()), Part(None))
    answers: list[Given] = []
    aliases: dict[str, tuple[str, ...]] = {}
    options: dict[str, None] = {}
    begins = True
    for (run, ident), events in samples.items():
        about = specs.get(run, spec)
        of = Part({event.text("type"): event.at("data").value for _, event in reversed(events)})  # the first of a kind
        wanted = next((told for kind in ("match", "sampling", "error") if (told := of.texts(kind, "expected"))), ())
        if not wanted:
            said = f"the sample {shown(ident)} has no `match`: what would be right is not in this log."
            findings.add(file, events[0][0], "data.expected", said, "Judge a table of expected labels and replies.")
            continue
        if wanted[1:]:
            aliases[wanted[0]] = tuple(dict.fromkeys((*aliases.get(wanted[0], ()), *wanted[1:])))
        options.update(dict.fromkeys(of.texts("match", "options")))
        begins = begins and of.at("match", "correct").value in (None, _said(of).text().startswith(wanted))
        answers.append(
            Given(
                case=Part(ident).name(otherwise=ident),
                expected=wanted[0],
                outcome=_outcome(of),
                candidate=f"{about.text('eval_name') or 'eval'}@{', '.join(about.texts('completion_fns')) or 'model'}",
                inputs=Part({"prompt": of.at("sampling", "prompt").value}).inputs() if of.text("sampling") else {},
                passed=of.at("match", "correct").value is True,
            )
        )
    others = {alias for each in aliases.values() for alias in each}
    return Stored(
        tool=NAME,
        name=spec.text("base_eval") or spec.text("eval_name") or file.stem,
        answers=tuple(answers),
        rule_for=partial(rule_of, Passes("Match", r"\A"), aliases=aliases) if begins else by(_MENTION),
        choices=tuple(each for each in options if each not in others),
        aliases=aliases,
        created_utc=spec.utc("created_at"),
    )


def _said(of: Part) -> Part:
    said = of.at("match", "sampled") if of.at("match", "sampled").value is not None else of.at("sampling", "sampled")
    return said.at(0) if isinstance(said.value, list) else said


def _outcome(of: Part) -> Reply | Failure:
    said, error = _said(of), of.at("error")
    if said.value is None or (error.value is not None and not of.fields("match")):
        told = [error.text(key) for key in ("type", "message", "error")]
        return failure(": ".join(each for each in told if each) or error.text()) if error.value else NOT_STORED
    return reply(said.text())
