"""Our templates are compiled once, and kept where the package's own modules are; a user's are kept nowhere."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import jinja2
import pytest

from harness.report import rendering

Kept = dict[str, bytes]


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the folder in which this Python keeps what it compiled, empty yet."""
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "kept"


def files_of(kept: Path) -> Kept:
    return {path.name: path.read_bytes() for path in sorted(kept.rglob("*")) if path.is_file()}


def code_of(name: str, templates: Path | None = None) -> object:
    """Give the code that another process would find for a template without compiling; None when it finds none."""
    env = rendering.html_environment(templates)
    assert env.loader is not None
    source, filename, _ = env.loader.get_source(env, name)
    return rendering._Compiled().get_bucket(env, name, filename, source).code


def page(monkeypatch: pytest.MonkeyPatch, templates: Path | None = None) -> str:
    """Render as a process does that has compiled nothing yet."""
    monkeypatch.setattr(rendering, "_COMPILED", rendering._Compiled())
    return rendering.html_environment(templates).get_template("style.css").render()


def test_what_was_compiled_is_found_by_the_next_process_and_gives_the_same(
    monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    assert code_of("style.css") is None
    first = page(monkeypatch)
    (name,) = files_of(kept)
    assert name.startswith("style.cpython-")
    assert code_of("style.css") is not None
    assert page(monkeypatch) == first


@pytest.mark.parametrize("torn", [0, 3, 30, 300])
def test_what_is_torn_is_compiled_anew(monkeypatch: pytest.MonkeyPatch, kept: Path, torn: int) -> None:
    first = page(monkeypatch)
    whole = files_of(kept)
    (file,) = (path for path in kept.rglob("*") if path.is_file())
    file.write_bytes(file.read_bytes()[:torn])
    assert code_of("style.css") is None
    assert page(monkeypatch) == first
    assert files_of(kept) == whole


def test_another_text_of_a_template_or_another_jinja_is_compiled_anew(
    monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    page(monkeypatch)
    env = rendering.html_environment()
    assert env.loader is not None
    source, filename, _ = env.loader.get_source(env, "style.css")
    assert rendering._Compiled().get_bucket(env, "style.css", filename, source + " ").code is None
    monkeypatch.setattr(jinja2, "__version__", "99")
    assert code_of("style.css") is None


def test_what_was_compiled_elsewhere_is_not_taken_as_its_lines_would_be_named_wrong(
    monkeypatch: pytest.MonkeyPatch, kept: Path, tmp_path: Path
) -> None:
    page(monkeypatch)
    moved = tmp_path / "moved"
    shutil.copytree(rendering._OURS / "report" / "templates", moved / "templates")
    (file,) = (path for path in kept.rglob("*") if path.is_file())
    there = kept / moved.relative_to("/") / "templates"
    there.mkdir(parents=True)
    shutil.copy(file, there)
    monkeypatch.setattr(rendering, "_OURS", moved)
    assert code_of("style.css", moved / "templates") is None


def test_a_users_template_leaves_nothing_and_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, kept: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "style.css").write_text("b { color: red }")
    assert page(monkeypatch, theirs) == "b { color: red }"
    assert files_of(kept) == {}


def test_a_package_that_nobody_may_write_to_is_rendered_from(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    kept.write_text("no folder")
    unkept = page(monkeypatch)
    kept.unlink()
    assert page(monkeypatch) == unkept


def test_nothing_is_kept_where_python_is_told_to_keep_nothing(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    page(monkeypatch)
    assert files_of(kept) == {}


def test_nothing_of_our_own_functions_is_worked_out_as_a_template_is_compiled() -> None:
    def of(finalize: str) -> str:
        env = rendering.environment(lambda text: rendering.Markup(finalize + text), None)
        env.filters["loud"] = lambda text: finalize + text
        return str(env.compile("{{ 'a' }}{{ 'b' | loud }}{{ 1 + 1 }}", raw=True))

    assert of("x") == of("y")
