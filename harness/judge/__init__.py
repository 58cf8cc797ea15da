"""Pure: records -> numbers -> verdict, with no network, clock or file of its own; `assess` is the roof.

The door names what is published and the words for it. All else of the judge has the door of its room.
"""

from harness.judge.documents import *
from harness.judge.wording.causes import CONFIRM, advice, cause, how_many, settled, title, what_decides
from harness.judge.wording.text import (
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
