"""Pure: records -> numbers -> verdict, with no network, clock or file of its own; `assess` is the roof.

The door names what is published and the words for it. All else of the judge has the door of its room.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from harness.judge.causes import CONFIRM, advice, cause, how_many, settled, title, what_decides
from harness.judge.documents import *
from harness.judge.wording import (
    FigureText,
    Plain,
    Scale,
    Things,
    amount,
    count,
    demand,
    figure,
    figure_alone,
    figure_text,
    listed,
    money,
    named,
    scale_of,
    seconds,
    sentence,
    signed,
    signed_text,
    sure,
    things,
    verb,
)


class _Judge(ModuleType):
    """This package, which has the name of a function of `harness.api` and so does its work when it is called."""

    def __call__(self, *arrays: Any, **options: Any) -> Any:  # noqa: ANN401 - those of the function
        """Judge answers that you have: see `harness.api.judge`."""
        return import_module("harness.api").judge(*arrays, **options)


sys.modules[__name__].__class__ = _Judge
