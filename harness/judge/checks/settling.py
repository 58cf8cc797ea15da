"""Whether the verdict of the whole suite is settled before all of its cases were asked (theory: `scores.settling`).

`Settling` takes what one candidate's trials came to, in any order, and looks at the longest beginning of the
asked order in which every case is finished. So a run and whoever judges it later look at the same places and
find the same, whatever was in flight. Once a check is settled it stays so.

READY is settled when every check is (if the whole suite were not READY, one single check would have to be
wrong, so each may use all of delta). "Can't be READY" is settled as soon as one check of m is, at delta/m. A gate
blocks by what FAILS, so there (`firm`) only a FAIL that is settled ends it, and not what may still be open.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.files.suite import StopRule, asked_order
from harness.judge.checks.evidence import Case, Evidence, Said

Status: TypeAlias = Literal["open", "PASS", "FAIL", "can't pass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a candidate's cases settled, and after how many of them."""

    asked: int
    of: int
    ready: bool
    statuses: dict[str, Status]  # by the threshold's text


class Settling:
    """The evidence of one candidate. `settled` is set at the look that settles its verdict."""

    def __init__(
        self,
        cases: Sequence[Case],
        weighed: dict[str, Evidence | None],
        *,
        rule: StopRule,
        repeats: int,
        seed: int,
        firm: bool = False,
    ) -> None:
        self._cases = {case.id: case for case in cases}
        self.order = asked_order(self._cases, seed)
        self._weighed = weighed
        self.open = dict(weighed)
        self._checks = sum(each is not None for each in weighed.values())
        self._rule = rule
        self._repeats = repeats
        self._firm = firm
        self._finished: dict[str, dict[int, Said]] = {}
        self.asked = 0  # cases of the beginning that is finished
        self.statuses: dict[str, Status] = dict.fromkeys(weighed, "open")
        self.near: dict[str, float] = {}  # of open checks: how much of the evidence that settles them there is
        self.settled: Settled | None = None

    def take(self, case: str, repeat: int, said: Said) -> Settled | None:
        """Take one trial of an unchanged case; gives what it settled, once."""
        if self.settled is not None or case not in self._cases:
            return None
        self._finished.setdefault(case, {})[repeat] = said
        while self.asked < len(self.order):
            id_ = self.order[self.asked]
            trials = self._finished.get(id_, {})
            if len(trials) < self._repeats:
                return None
            del self._finished[id_]
            for each in self.open.values():
                if each is not None:
                    each.add(self._cases[id_], [trials[n] for n in sorted(trials)])
            self.asked += 1
            if self._rule.looks(self.asked) and self._look():
                return self.settled
        return None

    def range_of(self, name: str) -> tuple[float | None, float | None]:
        """Give the shares of the whole suite that a check's evidence has not ruled out; None where it is no count."""
        each = self._weighed.get(name)
        return (None, None) if each is None else each.range(self._rule.delta)

    def nearest(self) -> str:
        """Give how many checks are settled, and how much of the evidence of the farthest is there."""
        name, share = min(self.near.items(), key=lambda one: one[1])
        done = len(self.statuses) - len(self.open)
        return f"{done:,} of {len(self.statuses):,} settled, {name} {share:.0%} of the way"

    def _look(self) -> bool:
        """Weigh every open check; tell whether the verdict is settled."""
        ever = math.log(1 / self._rule.delta)
        early = math.log(max(self._checks, 1) / self._rule.delta)
        lost = False
        for name, each in list(self.open.items()):
            if each is None:
                continue
            seen = each.look()
            against = seen.fails if self._firm else seen.cannot
            self.near[name] = min(max(seen.passes / ever, against / early, 0.0), 1.0)
            if seen.passes >= ever:
                self.statuses[name] = "PASS"
                del self.open[name], self.near[name]
            elif against >= early:
                self.statuses[name], lost = "FAIL" if seen.fails >= early else "can't pass", True
        if lost or not self.open:
            self.settled = Settled(asked=self.asked, of=len(self.order), ready=not lost, statuses=dict(self.statuses))
        return self.settled is not None
