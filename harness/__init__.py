"""Readiness harness for prompts that act as classifiers."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_API = frozenset({"Figure", "Run", "check", "compare", "judge", "load", "run"})


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what `harness.api` has
    """Give the Python face; it is loaded when it is used, for the command line starts without it."""
    if name not in _API:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    if name == "judge":  # a room of that name, too, which may be called
        return import_module("harness.judge")
    return getattr(import_module("harness.api"), name)
