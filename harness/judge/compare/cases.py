"""The cases behind a difference: fixed, broken, and outcomes that are new, with what was sent and said."""

from collections import Counter
from contextlib import closing
from itertools import chain

import numpy as np
from pydantic import ValidationError

from harness.files.prompts import Prompt, RenderedText, RenderFailed, RenderRefused, Renders, renderer_of
from harness.judge import OUTCOMES, CaseChange, OutcomeChange
from harness.judge.pairs import Pairs, Side
from harness.judge.view import Bool, Float, Int64, lost

RENDERED = 50  # cases of each list whose prompts are shown in full
SHOWN_REPLIES = 3


def fixed_and_broken(
    pairs: Pairs, rendered: int = RENDERED
) -> tuple[tuple[CaseChange, ...], tuple[CaseChange, ...], int]:
    """Give the fixed and the broken cases, and how many moved without crossing one half.

    A case is right on a side when more than half of its trials are; what the endpoint failed is none of them.
    Largest change first; of the first `rendered` of either list with the prompts as they were sent.
    """
    before, after = (_right_share(side) for side in (pairs.base, pairs.head))
    was, now = before > 0.5, after > 0.5
    moved = np.asarray((np.abs(after - before) > 1e-9) & (was == now), dtype=np.bool_)
    known = np.isfinite(before) & np.isfinite(after)
    found = []
    with closing(_Speaker(pairs.base)) as one, closing(_Speaker(pairs.head)) as two:
        for chosen in (~was & now, was & ~now):
            places = np.flatnonzero(chosen & known)
            order = places[np.lexsort((places, -np.abs(after - before)[places]))]
            found.append(
                tuple(
                    _change(pairs, int(place), (before, after), (one, two), rendered=rank < rendered)
                    for rank, place in enumerate(order)
                )
            )
    return found[0], found[1], int(moved.sum())


def answered(pairs: Pairs) -> set[str]:
    """Give the cases of which both sides answered at least one trial."""
    known = np.isfinite(_right_share(pairs.base)) & np.isfinite(_right_share(pairs.head))
    return {pairs.head.view.cases.ids[int(row)] for row in pairs.matching.head[known]}


def _right_share(side: Side) -> Float:
    """Give the share of right answers of each case, nan where the endpoint failed all of its trials."""
    hits, trials = side.per_case(side.right, ~lost(side.trials))
    shares: Float = np.divide(hits, trials, out=np.full(len(hits), np.nan), where=trials > 0)
    return shares


def _change(
    pairs: Pairs, place: int, right: tuple[Float, Float], speakers: "tuple[_Speaker, _Speaker]", *, rendered: bool
) -> CaseChange:
    cases, row = pairs.head.view.cases, int(pairs.matching.head[place])
    base_id = pairs.base.view.cases.ids[int(pairs.matching.base[place])]
    inputs = cases.inputs[row] if cases.inputs else {}
    base, head = speakers
    return CaseChange(
        case=cases.ids[row],
        expected=pairs.labels[int(pairs.expected[place])],
        text=cases.texts[row],
        base_right=float(right[0][place]),
        head_right=float(right[1][place]),
        base_answers=base.answers(place),
        head_answers=head.answers(place),
        base_replies=base.replies(place),
        head_replies=head.replies(place),
        base_prompt=base.prompt(inputs) if rendered else "",
        head_prompt=head.prompt(inputs) if rendered else "",
        tags=tuple(sorted(tag for tag, has in cases.tags.items() if has[row])),
        base_case="" if base_id == cases.ids[row] else base_id,
    )


class _Speaker:
    """What one side was sent for a case, and what it answered."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._codes = side.view.codes_of(side.trials)
        self._lost, self._reply = lost(side.trials), side.trials.reply  # once: a column may have to be widened
        self._order = np.argsort(side.case, kind="stable")
        self._starts = np.searchsorted(side.case[self._order], np.arange(len(side.rows) + 1))
        self._renderer: Renders | None = None
        self._broken = False  # the manifest holds no prompt that can be rendered

    def close(self) -> None:
        """End what renders the prompt."""
        if self._renderer is not None:
            self._renderer.close()

    def _rows(self, place: int) -> Int64:
        return np.asarray(self._order[self._starts[place] : self._starts[place + 1]], dtype=np.int64)

    def answers(self, place: int) -> dict[str, int]:
        codes = self._codes[self._rows(place)]
        return _commonest(Counter(self._side.view.answer_name(int(code)) for code in codes))

    def replies(self, place: int) -> tuple[str, ...]:
        """Give distinct replies: by which the case counts as right, or wrong, then others, then what failed."""
        rows = self._rows(place)
        right, failed = self._side.right[rows], self._lost[rows]
        typical = right == (np.count_nonzero(right) > np.count_nonzero(~failed) / 2)
        told = (
            _commonest(Counter(self._side.trials.replies[reply] for reply in self._reply[some]))
            for some in (rows[typical & ~failed], rows[~typical & ~failed], rows[failed])
        )
        return tuple(dict.fromkeys(chain.from_iterable(told)))[:SHOWN_REPLIES]

    def prompt(self, inputs: dict[str, str]) -> str:
        if self._broken:
            return ""
        try:
            self._renderer = self._renderer or _renderer(self._side)
            rendered = self._renderer.render(inputs)
        except (ValidationError, RenderRefused):
            self._broken = True
            return ""
        except RenderFailed:
            return ""
        if isinstance(rendered, RenderedText):
            return rendered.text
        return "\n\n".join(f"{role}:\n{content}" for role, content in rendered.messages)


def _commonest(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _renderer(side: Side) -> Renders:
    """Give the prompt's renderer, confined: a run may come from elsewhere. Raises ValidationError, RenderRefused."""
    prompt = Prompt.model_validate(side.view.entry.prompt)
    return renderer_of(prompt.model_copy(update={"labels": side.view.labels, "confined": True}))


def outcome_changes(pairs: Pairs) -> tuple[OutcomeChange, ...]:
    """Give each outcome that occurs: its trials on both sides, and the cases that newly end so."""
    found = []
    for place, outcome in enumerate(OUTCOMES):
        base, head = (np.asarray(side.trials.outcome == place, dtype=np.bool_) for side in (pairs.base, pairs.head))
        if not (base.any() or head.any()):
            continue
        before, after = _cases_with(pairs.base, base), _cases_with(pairs.head, head)
        ids = pairs.head.view.cases.ids
        found.append(
            OutcomeChange(
                outcome=outcome,
                base=int(base.sum()),
                head=int(head.sum()),
                new=tuple(ids[int(row)] for row in pairs.matching.head[after & ~before]),
                gone=tuple(ids[int(row)] for row in pairs.matching.head[before & ~after]),
            )
        )
    return tuple(found)


def _cases_with(side: Side, hits: Bool) -> Bool:
    return np.asarray(np.bincount(side.case, weights=hits, minlength=len(side.rows)) > 0, dtype=np.bool_)
