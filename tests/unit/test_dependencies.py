"""What the package imports is what it declares: what comes along with something else may be gone any day."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "harness"
DISTRIBUTION = {"yaml": "pyyaml", "azure": "azure-identity", "re2": "google-re2"}
# The plugin is loaded by pytest, and by nothing else: who has the one has the other.
BROUGHT_BY_ITS_USER = {"pytest_plugin.py": {"pytest", "_pytest"}}


def project() -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return declared


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {canonical(re.split(r"[^\w.-]", text)[0]) for text in requirements}


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def foreign(path: Path) -> set[str]:
    """Give the distributions that a file imports from."""
    own = {"harness", *sys.stdlib_module_names, *BROUGHT_BY_ITS_USER.get(path.name, ())}
    return {
        canonical(DISTRIBUTION.get(name, name)) for name in set(imported(ast.walk(ast.parse(path.read_text())))) - own
    }


def test_every_imported_package_is_declared() -> None:
    extras = project()["optional-dependencies"]
    users = names(project()["dependencies"]).union(*(names(extras[e]) for e in extras if e != "dev"))
    lacking = {
        str(path.relative_to(ROOT)): missing for path in PACKAGE.rglob("*.py") if (missing := foreign(path) - users)
    }
    assert lacking == {}


def test_every_declared_dependency_is_imported() -> None:
    used = set[str]().union(*(foreign(path) for path in PACKAGE.rglob("*.py")))
    assert names(project()["dependencies"]) - used == set()


def test_what_only_an_extra_brings_is_imported_where_it_is_used_and_not_at_the_start() -> None:
    extras = project()["optional-dependencies"]
    optional = set[str]().union(*(names(extras[e]) for e in extras if e != "dev"))
    optional -= names(project()["dependencies"])
    for path in PACKAGE.rglob("*.py"):
        if path.is_relative_to(PACKAGE / "web") or path.name == "server_process.py":
            continue  # the viewer and the main of a child: nothing else imports them at its start
        eager = {canonical(name) for name in imported(ast.parse(path.read_text()).body)}
        assert eager & optional == set(), path


@pytest.mark.parametrize("line", ["import click", "from anyio import run", "def f():\n    import certifi"])
def test_the_scan_sees_an_import_wherever_it_stands(tmp_path: Path, line: str) -> None:
    file = tmp_path / "x.py"
    file.write_text(line)
    assert len(foreign(file)) == 1


def test_the_pythons_that_pages_makefile_and_workflow_name_are_those_of_the_package() -> None:
    first, beyond = re.findall(r"3\.(\d+)", project()["requires-python"])
    told = f"Python 3.{first} to 3.{int(beyond) - 1}"
    for page in ("README.md", "docs/quick-start.md", "docs/troubleshooting.md", "CONTRIBUTING.md", "Makefile"):
        assert told in (ROOT / page).read_text(), page
    assert f"(3, {first}) <= sys.version_info < (3, {beyond})" in (ROOT / "Makefile").read_text()
    assert f'python: ["3.{first}", "3.{int(beyond) - 1}"]' in (ROOT / ".github/workflows/ci.yml").read_text()


@pytest.mark.parametrize("version", ["3.10.14", "3.15.0"])
def test_make_names_the_pythons_that_fit_where_another_is_given(tmp_path: Path, version: str) -> None:
    """A stand-in answers as that interpreter would: an install of packages without wheels fails far less plainly."""
    python = tmp_path / "python"
    python.write_text(f'#!{sys.executable}\nimport sys\nsys.version_info = {tuple(map(int, version.split(".")))}\n'
                      'exec(sys.argv[2])\n')  # fmt: skip
    python.chmod(0o755)
    made = subprocess.run(
        ["make", "-f", ROOT / "Makefile", "demo", f"PYTHON={python}"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 2
    assert f"Python 3.11 to 3.14 is needed, and {python} is none" in made.stderr
    assert not (tmp_path / ".venv").exists()
