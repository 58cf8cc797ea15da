"""Readiness harness for prompts that act as classifiers."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_API = frozenset({"Figure", "Run", "check", "compare", "judge", "load", "run"})


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what `harness.api` has
    """Give the Python face; it is loaded when it is used, for the command line starts without it."""
    if name not in _API:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    if name == "judge":  # a room of that name, too
        return import_module("harness.judge")
    return getattr(import_module("harness.api"), name)


class _Judge(ModuleType):
    """The room `judge`, which has the name of a function of `harness.api` and does its work when it is called."""

    def __call__(self, *arrays: Any, **options: Any) -> Any:  # noqa: ANN401 - those of the function
        """Judge answers that you have: see `harness.api.judge`."""
        return import_module("harness.api").judge(*arrays, **options)


class _Harness(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        if name == "judge" and isinstance(value, ModuleType):  # however the room was imported
            value.__class__ = _Judge
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Harness
