"""What a user installs: the wheel brings both commands and the demo's project, and needs nothing of a clone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from commanded import environment

ROOT = Path(__file__).parents[2]
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="the wheel is built by hatchling: `make .venv/.dev` installs it")
    source = tmp_path_factory.mktemp("source")
    for name in ("harness", "suites", "prompts"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("harness.yml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=240)
    (built,) = (source / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel alone; the libraries that it declares are those of this environment."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, symlinks=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    asked = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--no-index"]
    subprocess.run([*asked, "--no-deps", "--quiet", str(wheel)], check=True, capture_output=True, timeout=240)
    return folder


def ran(installed: Path, command: str, *arguments: str, at: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed / "bin" / command, *arguments],
        cwd=at,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_wheel_holds_the_package_and_the_demo_and_no_test(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert {name.partition("/")[0] for name in names} == {"harness", "prompt_readiness-0.1.0.dist-info"}
    assert "harness/demo_project/suites/sms_spam.suite.yml" in names
    assert "harness/py.typed" in names
    assert wheel.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("command", ["harness", "prompt-readiness"])
def test_both_names_of_the_command_start_the_installed_package(installed: Path, tmp_path: Path, command: str) -> None:
    done = ran(installed, command, "--version", at=tmp_path)
    assert (done.returncode, done.stdout) == (0, "harness 0.1.0\n"), done.stderr
    where = [installed / "bin" / "python", "-c", "import harness; print(harness.__file__)"]
    assert str(installed) in subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True).stdout


def test_the_demo_starts_in_an_empty_folder_as_far_as_its_weights(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", exc_type=ImportError, reason="needs the extra `local`")
    nothing = {"HARNESS_CACHE": str(tmp_path / "cache"), "PIP_NO_INDEX": "1"}
    done = ran(installed, "prompt-readiness", "demo", "--quiet", at=tmp_path, **nothing)
    assert "demo: three prompt versions on a small language model" in done.stderr
    assert (tmp_path / "harness-demo" / "suites" / "sms_spam.suite.yml").is_file()
    assert (done.returncode, "weights" in done.stderr) == (5, True), done.stderr
    checked = ran(installed, "harness", "check", "harness-demo/suites/sms_spam.suite.yml", at=tmp_path)
    assert (checked.returncode, "sms-spam: 150 cases, 3 candidates" in checked.stdout) == (0, True), checked.stderr


def test_without_the_models_server_the_demo_judges_what_it_answered(installed: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['xllamacpp'] = None\n")
    done = ran(installed, "prompt-readiness", "demo", "--quiet", at=tmp_path, PYTHONPATH=str(hidden))
    assert (done.returncode, "is judged instead" in done.stderr) == (0, True), done.stderr
    report = json.loads(next((tmp_path / "results").glob("*/report.json")).read_text())
    assert (report["complete"], report["journalled_trials"]) == (True, 450)
    assert {one["name"] for one in report["candidates"]} == {"v1@smollm2", "v2@smollm2", "v3@smollm2"}
    assert [one["outcomes"]["failed"] for one in report["candidates"]] == [0, 0, 0]


@pytest.fixture
def unloadable(tmp_path: Path) -> dict[str, str]:
    """Give the environment in which the model's server is installed, but its library can't be loaded."""
    package = tmp_path / "broken" / "xllamacpp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .xllamacpp import *\n")
    (package / "xllamacpp.abi3.so").write_bytes(b"\x7fELF")
    return {"PYTHONPATH": str(package.parent)}


def test_where_the_models_server_can_t_be_loaded_the_demo_says_so_and_goes_on(
    installed: Path, tmp_path: Path, unloadable: dict[str, str]
) -> None:
    done = ran(installed, "harness", "demo", "--quiet", at=tmp_path, **unloadable)
    assert (done.returncode, "can't be loaded here (" in done.stderr) == (0, True), done.stderr
    assert "Install the library that it names" in done.stderr
    suite = tmp_path / "harness-demo" / "suites" / "sms_spam.suite.yml"
    runs = len(list((tmp_path / "results").iterdir()))
    done = ran(installed, "harness", "run", str(suite), "--quiet", at=tmp_path, **unloadable)
    assert (done.returncode, "the extra `local`, which can't be loaded here" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "results").iterdir())) == runs, "no run is left of what could not begin"
