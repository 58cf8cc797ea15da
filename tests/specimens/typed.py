"""A reader of the documentation: in a project of their own, types what a page shows and looks at what it prints."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit
from urllib.request import urlopen

import yaml
from batching import Batches
from bucket import Bucket
from commanded import HANGS_S, environment, in_process, write_lines
from pages import ROOT, Block
from prepared import answer, be_recorded
from rich.console import Console
from scripted import chat_reply
from viewing import viewing

from harness.report.run import terminal_report

VERDICTS = {0, 1, 3}  # what a command is for; any other code is a mistake unless the page says `exits="4"`
PREAMBLE = """
set -eo pipefail
pytest() { harness=pytest; "$PYTHON" -m pytest "$@" || [ $? = 1 ]; }
make() { command make --dry-run --always-make --directory "$CLONE" "$@"; }
pip() { "$PYTHON" -c "$EXTRAS" "$@"; }
harness() {
  "$PYTHON" -m harness "$@" && return
  code=$?
  case $code in 1|3) ;; *) echo "exit code $code of: harness $*" >&2; exit 99;; esac
}
"""
EXTRAS = """
import os, pathlib, re, sys, tomllib
text = pathlib.Path(os.environ["CLONE"], "pyproject.toml").read_text()
known = tomllib.loads(text)["project"]["optional-dependencies"]
(extras,) = re.findall(r"^install \\.\\[([a-z,]+)\\]$", " ".join(sys.argv[1:]))
assert set(extras.split(",")) <= set(known), f"no such extra: {extras}"
"""
FIRST_RUN = ROOT / "tests" / "fixtures" / "urgency.replies.jsonl"  # what the embedded model really said; times are not
MOVES = (  # what differs from run to run, and what stands for it: nothing else may
    (r"\b\d{8}T\d{6}Z-", "DAY-"),
    (r"(?<=DAY-)([\w-]+)-[0-9a-f]{6}\b", r"\1-RUN"),
    (r"\b20\d\d-\d\d-\d\d \d\d:\d\d\b", "TIME"),
    (r"\b\d\d:\d\d UTC\b", "TIME"),
    (r"\b[0-9a-f]{16}\b", "DIGEST"),
    (r"http://127\.0\.0\.1:\d+", "ADDRESS"),
)
_QUOTED = re.compile(r"""'[^']*'|"[^"$`\\]*\"""")
_SHELL = re.compile(r"[|&;<>()$`*?\[\\~{}'\"]")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)")


def plain(text: str) -> str:
    """Give a text without what moves, nor how it was broken into lines."""
    for pattern, word in MOVES:
        text = re.sub(pattern, word, text)
    return " ".join(text.split())


def steps(script: str) -> Iterator[tuple[list[str] | None, str]]:
    """Cut what is typed into plain calls of `harness` (and `cd`), as words, and all else, which is bash's."""
    lines = iter(script.replace("\\\n", " ").splitlines())
    rest: list[str] = []
    for line in lines:
        bare = _QUOTED.sub("", line.partition(" #")[0])
        if re.match(r"(?:\.venv/bin/)?harness |cd |curl |vllm ", line) and not _SHELL.search(bare):
            if rest:
                yield None, "\n".join(rest)
                rest = []
            yield shlex.split(line, comments=True), line
            continue
        rest.append(line)
        if here := _HEREDOC.search(line):
            for inner in lines:
                rest.append(inner)
                if inner == here[1]:
                    break
    if any(line.strip() and not line.startswith("#") for line in rest):
        yield None, "\n".join(rest)


@dataclass
class Reader:
    """Somebody who follows a page; `said` is what the commands of the last block printed."""

    at: Path
    fills_in: dict[str, str] = field(default_factory=dict)
    provider: Batches = field(default_factory=Batches)  # of the models at SERVER
    store: Bucket = field(default_factory=lambda: Bucket(environment={}))
    stack: ExitStack = field(default_factory=ExitStack)  # what is still open when the page ends
    said: str | None = ""  # None: what prints it is not installed
    imports: str = ""  # of the Python of the page

    def follow(self, block: Block) -> None:
        """Do with a block what a reader does; whatever is wrong is an AssertionError that names its place."""
        if "needs" in block.marks and not _installed(block.marks["needs"]):
            self.said = None
            return
        if block.excused is not None:
            self.said = "" if block.language == "sh" else self.said
            return
        text = self._filled(block)
        if block.language == "sh":
            self._type(block, text)
        elif block.language == "python" and not block.path:
            self._python(block, text)
        elif block.language == "text":
            self._look(block, text)
        elif "job" in block.marks:
            self._merge_request(block, text)
        elif block.path:
            self._save(block.path, text)
        elif block.language == "yaml" and re.match(r"models:$", text, re.MULTILINE):
            self._add_models(text)

    def _merge_request(self, block: Block, text: str) -> None:
        """Do what GitLab does for a merge request, in the checkout of its branch; the install is pip's."""
        (job,) = yaml.safe_load(text).values()
        lines = [line for line in job["script"] if not line.startswith("pip install ")]
        branch = "$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
        self._type(block, "\n".join(lines).replace(branch, block.marks["job"]))

    def _add_models(self, text: str) -> None:
        """Write models into harness.yml as the page says, at addresses of this machine."""
        entries = yaml.safe_load(re.sub(r"https?://[^/\s]+", self.fills_in["SERVER"], text))["models"]
        path = self.at / "harness.yml"
        project = yaml.safe_load(path.read_text())
        path.write_text(yaml.safe_dump({**project, "models": {**project["models"], **entries}}))

    def _filled(self, block: Block) -> str:
        text = block.text
        for written in self.at.glob("results/*/batches/*.jsonl"):
            self.fills_in["BATCH"] = str(written.relative_to(self.at))
        for pair in block.marks.get("where", "").split():
            old, _, new = pair.partition("=")
            text = re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", self.fills_in.get(new, new), text)
        return text

    def _save(self, path: str, text: str) -> None:
        (self.at / path).parent.mkdir(parents=True, exist_ok=True)
        (self.at / path).write_text(text)

    def _type(self, block: Block, text: str) -> None:
        expected = VERDICTS | {int(code) for code in block.marks.get("exits", "").split()}
        self.said = ""
        for words, script in steps(text):
            if words is None:
                code, said = self._bash(script)
                assert code == 0, f"{block.place}: {script}\n{said}"
            elif words[0] == "cd":
                self.at = (self.at / words[1]).resolve()
                continue
            elif words[0] == "curl":
                with urlopen(words[1]) as answered:
                    said = answered.read().decode()
            elif words[1] == "view" and "--export" not in words:
                said = self._serve(words[2:])
            elif words[0] == "vllm":
                said = self._answered_offline(words)
            else:
                self._put_away([word for word in words if word.startswith("s3://")])
                with self._leaving("then Ctrl-C" in script):
                    done = in_process(*words[1:], at=self.at, env=self._environment(), together=True)
                code, said = done.returncode, done.stdout
                assert code in expected, f"{block.place}: exit code {code} of {script}\n{said}"
                if words[1] == "init":
                    self._own_model(words)
            self.said += said

    @contextmanager
    def _leaving(self, left: bool) -> Iterator[None]:
        """Press Ctrl-C once a batch was asked for twice, which is never over while the command waits."""
        if not left:
            yield
            return
        self.provider.busy = 10**6
        self.provider.on_poll = lambda made: os.kill(os.getpid(), signal.SIGINT) if made.polls == 2 else None
        yield
        self.provider.busy, self.provider.on_poll = 0, lambda _: None

    def _answered_offline(self, words: list[str]) -> str:
        """Answer a file of requests as `vllm run-batch` does."""
        asked = dict(zip(words[2::2], words[3::2], strict=True))
        assert words[1] == "run-batch"
        assert asked.keys() == {"-i", "-o", "--model"}
        lines = [json.loads(line) for line in (self.at / asked["-i"]).read_text().splitlines()]
        bodies = [chat_reply(answer(line["body"]["messages"][-1]["content"])) for line in lines]
        write_lines(
            self.at / asked["-o"],
            (
                {"id": "vllm-1", "custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}}
                for line, body in zip(lines, bodies, strict=True)
            ),
        )
        return ""

    def _put_away(self, addresses: list[str]) -> None:
        """Let a store hold runs that were made here, and this machine no more: by id, or `shard-N` by their share."""
        runs = {}
        for manifest in self.at.glob("results/*/manifest.json") if addresses else ():
            shard = json.loads(manifest.read_text())["notes"].get("shard", {})
            runs |= {manifest.parent.name: manifest.parent, f"shard-{shard.get('number')}": manifest.parent}
        for address in addresses:
            run = runs[address.rpartition("/")[2]]
            self.store.upload(run, address.removeprefix("s3://"))
            shutil.rmtree(run)

    def _own_model(self, words: list[str]) -> None:
        folder = self.at / next((word for word in words[2:] if not word.startswith("-")), ".")
        shutil.copy(FIRST_RUN, folder / "replies.jsonl")
        be_recorded(folder)

    def _serve(self, words: list[str]) -> str:
        """Start the viewer as typed, at a free port, and open the page whose address it prints."""
        _, address = self.stack.enter_context(viewing(self.at, *words))
        with urlopen(address) as answered:
            assert answered.status == 200
        self.fills_in["VIEWER"] = "{0.scheme}://{0.netloc}".format(urlsplit(address))
        return address + "\n"

    def _environment(self) -> dict[str, str]:
        set_ = {name: value for name, value in self.fills_in.items() if name.endswith(("_KEY", "_WEBHOOK_URL"))}
        return {**self.store.environment, **set_, "CLONE": str(ROOT), "EXTRAS": EXTRAS}

    def _bash(self, script: str) -> tuple[int, str]:
        where = self.at / ".cwd"
        typed = ["bash", "-c", f"{PREAMBLE}{script}\npwd -P > {shlex.quote(str(where))}"]
        done = self._process(typed, PYTHON=sys.executable, **self._environment())
        assert "Traceback" not in done.stdout, done.stdout
        if where.exists():
            self.at = Path(where.read_text().rstrip("\n"))
            where.unlink()
        return done.returncode, done.stdout

    def _process(self, command: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.at,
            env=environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANGS_S,
            check=False,
        )

    def _python(self, block: Block, text: str) -> None:
        self.imports += "".join(f"{line}\n" for line in text.splitlines() if line.startswith(("import ", "from ")))
        done = self._process([sys.executable, "-W", "error", "-c", self.imports + text])
        assert done.returncode == 0, f"{block.place}: {done.stdout}"
        self.said = done.stdout

    def _look(self, block: Block, shown: str) -> None:
        said = self.said
        if "of" in block.marks:
            said = self._printed(block.marks["of"], block.marks.get("width", "100"))
        if said is None:
            return
        left = plain(said)
        for piece in re.split(r"^\s*(?:…|\.\.\.)\s*$", shown, flags=re.MULTILINE):
            if not piece.strip():
                continue
            before, found, left = left.partition(plain(piece))
            assert found, f"{block.place}: not printed:\n{piece}\nbut:\n{(said or before)[:3000]}"

    def _printed(self, command: str, width: str) -> str:
        words = shlex.split(command)
        if words[0] == "shown_runs":
            return _made_up(words[1], int(width))
        with patch.dict(sys.modules, {"xllamacpp": None}):  # the demo's recorded replies, and no minutes of CPU
            done = in_process(*words[1:], at=self.at, env={"COLUMNS": width}, together=True)
        assert done.returncode in VERDICTS, done.stdout
        return done.stdout


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _made_up(name: str, width: int) -> str:
    """Give what a terminal shows of a run that docs/shown_runs.py makes."""
    with patch.object(sys, "path", [*sys.path, str(ROOT / "docs")]):
        assessment = import_module("shown_runs").SHOWN[name]()
    return terminal_report(assessment, console=Console(width=width, file=StringIO()), full=True)
