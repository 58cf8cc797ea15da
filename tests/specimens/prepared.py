"""Projects in which the pages of the documentation are followed: new ones, cloned ones, with recorded replies."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from commanded import write_lines
from pages import ROOT

from harness.cli.starter import starter_files, write_files

LABELS = ("routine", "urgent")
WRONG = {"urgency": {"v1": "routine", "v2": "urgent"}, "payment_fraud": dict.fromkeys(("v1", "v2", "v3"), "legit")}
TICKETS = """\
name: tickets
labels: [urgent, routine]
positive: urgent
cases: tickets.jsonl
prompts: [../prompts/urgency/v1.prompt.yml]
models: [mini]
repeats: 1
thresholds: [accuracy >= 80%, failures <= 5%]
"""


def write_project(root: Path, server: str) -> None:
    """Write what `harness init` writes beside two suites of the repository, with recorded replies for the model.

    The suite `tickets` is asked at the model `mini`, which `server` answers.
    """
    write_files(root, starter_files())
    for suite in ("sms_spam", "payment_fraud"):
        for each in ROOT.glob(f"suites/{suite}*"):
            shutil.copy(each, root / "suites")
        shutil.copytree(ROOT / "prompts" / suite, root / "prompts" / suite)
    replies = [json.loads(line) for line in (root / "suites/sms_spam.replies.jsonl").read_text().splitlines()]
    told = {reply["case"] for reply in replies}
    rest = [json.loads(line) for line in (root / "suites/sms_spam.jsonl").read_text().splitlines()]
    replies += [
        {"case": case["id"], "reply": case["expected"], "latency_s": 0.2} for case in rest if case["id"] not in told
    ]
    for name in ("urgency", "payment_fraud"):
        cases = [json.loads(line) for line in (root / f"suites/{name}.jsonl").read_text().splitlines()]
        first, *others = ({"case": case["id"], "reply": case["expected"], "latency_s": 0.2} for case in cases)
        replies += [*({**first, "prompt": prompt, "reply": wrong} for prompt, wrong in WRONG[name].items()), *others]
    write_lines(root / "replies.jsonl", replies)
    tickets = [{"id": f"t{n:02}", "message": f"message no. {n}", "expected": LABELS[n % 2]} for n in range(60)]
    write_lines(root / "suites/tickets.jsonl", tickets)
    (root / "suites/tickets.suite.yml").write_text(TICKETS)
    mini = {"endpoint": "chat", "base_url": f"{server}/v1", "model": "mini", "price": {"input": 0.4, "output": 1.6}}
    large = {"endpoint": "replay", "replies": "replies.jsonl", "price": {"input": 2, "output": 8}}
    be_recorded(root, {"mini": mini, "large": large})


def answer(message: str) -> str:
    """Answer a ticket as it is expected."""
    number = re.search(r"message no\. (\d+)", message)
    return LABELS[int(number[1]) % 2] if number else "ham"


def be_recorded(root: Path, more: Mapping[str, object] | None = None) -> None:
    """Let the embedded model of a project that `harness init` wrote answer from a file, and add models."""
    written = (root / "harness.yml").read_text()
    model = re.compile(r"  smollm2:\n(?:    .*\n)+")
    assert model.search(written)
    entries = {"smollm2": {"endpoint": "replay", "replies": "replies.jsonl"}, **(more or {})}
    lines = "".join(f"  {name}: {json.dumps(entry)}\n" for name, entry in entries.items())
    (root / "harness.yml").write_text(model.sub(lines, written, count=1))


def as_cloned(at: Path) -> None:
    """Make a project a clone, on a branch that changed a prompt."""
    prompt = at / "prompts/sms_spam/v3.prompt.yml"
    (at / ".gitignore").write_text("results/\nreports/\n")
    for asked in (
        ["init", "--quiet", "--bare", "../remote.git"],
        ["init", "--quiet", "--initial-branch", "main"],
        ["add", "."],
        ["commit", "--quiet", "--message", "A suite and its prompts"],
        ["remote", "add", "origin", "../remote.git"],
        ["push", "--quiet", "origin", "main"],
        ["fetch", "--quiet", "origin"],
        ["switch", "--quiet", "--create", "change"],
        ["commit", "--quiet", "--all", "--message", "Say what it is"],
    ):
        if asked[0] == "commit" and "--all" in asked:
            prompt.write_text(prompt.read_text().replace("{{ message }}", "Text: {{ message }}"))
        who = ("-c", "user.name=You", "-c", "user.email=you@example.com")
        subprocess.run(["git", *who, *asked], cwd=at, check=True, capture_output=True)
