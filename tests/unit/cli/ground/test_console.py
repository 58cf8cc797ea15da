"""What a CI service reads from the output is text, and an error nobody thought of is no verdict."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.cli.ground import InertStream, console


def written(*pieces: str, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    text = io.TextIOWrapper(raw, encoding=encoding, newline="")
    stream = InertStream(text)
    for piece in pieces:
        stream.write(piece)
    text.flush()
    return raw.getvalue().decode(encoding)


def commands(text: str) -> list[str]:
    """Find what GitHub, Azure Pipelines and TeamCity would obey, as their runners look for it."""
    lines = [line for each in text.split("\n") for line in each.split("\r")]
    return [line for line in lines if line.lstrip().startswith("::")] + [
        line for line in lines if "##[" in line or "##vso[" in line or "##teamcity[" in line
    ]


HOSTILE = [
    "::stop-commands::x",
    "  ::add-mask::spam",
    "fine\n\t::error::y",
    "fine\r::error::y",
    "\n\n::error::y",
    "\u3000::error::y",
    "see ##[error]z",
    "see ##vso[task.setvariable variable=x]y",
    "##teamcity[buildStop]",
    "###[x] and ##[y] and ##[z]",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_is_a_command_however_it_is_cut_into_pieces(text: str) -> None:
    for pieces in ([text], list(text), [text[:1], text[1:]], [text[: len(text) // 2], text[len(text) // 2 :]]):
        assert commands(written(*pieces)) == [], pieces
        assert written(*pieces).replace("\u2060", "") == text


def test_what_is_no_command_is_written_as_it_is_and_a_poor_encoding_gets_a_plain_mark() -> None:
    text = "a::b\nC# [x] # [\n: :\n"
    assert written(text) == written(*text) == text
    assert written("::x", encoding="ascii") == ":|:x"


def test_an_instruction_of_ours_is_written_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", InertStream(out))
    console.emit_command("::stop-commands::t")
    console.emit("::stop-commands::x")
    console.emit_json({"name": "##[x]"})
    assert commands(out.getvalue()) == ["::stop-commands::t"]
    assert json.loads(out.getvalue().split("\n", 2)[2]) == {"name": "##[x]"}


@pytest.mark.parametrize("error", [ValueError("sk-canary-0123456789"), RecursionError(), MemoryError(), KeyError(1)])
def test_an_error_that_nobody_thought_of_ends_with_70_and_a_file_without_keys(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-canary-0123456789")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["harness", "run", "--notify", "https://hooks.example.com/services/canary"])
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    console.stderr.cache_clear()

    def broken(**_: object) -> None:
        raise error

    monkeypatch.setattr(main, "_command", broken)
    with pytest.raises(SystemExit) as ended:
        main.main()
    console.stderr.cache_clear()
    assert ended.value.code == 70
    said = capsys.readouterr().err
    (details,) = tmp_path.iterdir()
    assert details.name in said.replace("\n", "")
    assert "Traceback" not in said
    assert "Traceback" in details.read_text()
    assert details.stat().st_mode & 0o077 == 0
    assert "canary" not in said + details.read_text()
