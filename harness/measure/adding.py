"""A second stage of a run: further cases of its suite, once it was seen that the first ones leave the verdict open.

The new run holds the replies of the first and asks only the further cases; it is a run like any other, resumed and
reported as such. That it looks a second time is in its manifest, and what errors both looks may make is for judging
(`judge.scores.second_error`). There is no third look: no error would be left for it.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec

from harness.errors import UsageError
from harness.measure.bounds import Bundle, Record, Reply
from harness.rundir import Manifest, events_of, runs_of_suite

_NEW = "Start a new run."
_NO_FIRST_STAGE = {
    "gate": ("it belongs to a gate", _NEW),
    "upgrade": ("it compares two models", _NEW),
    "shard": ("it is a shard of a run", "Join all shards with `harness merge RUN...`, and add to that run."),
    "added": ("cases were added to it already, and a third look would err too often", _NEW),
}


@dataclass(frozen=True, slots=True)
class Added:
    """What a second stage asks, and what it takes from the first."""

    bundle: Bundle
    reused: tuple[Record, ...]
    first: Manifest
    asked: int  # cases of the first stage
    share: float  # of the cases, or of a label's where that is less, that were looked at before

    def noted(self, manifest: Manifest) -> Manifest:
        """Note the first stage in the manifest, and the repeats that it asked for in the command."""
        note = {"to": self.first.run_id, "cases": self.asked, "share": self.share}
        again = () if manifest.repeats == self.bundle.own_repeats else ("--repeats", str(manifest.repeats))
        command = (*manifest.command, *(word for word in again if "--repeats" not in manifest.command))
        return msgspec.structs.replace(manifest, command=command, notes={**manifest.notes, "added": note})


def refuse_second_look(run: Path, manifest: Manifest) -> None:
    """Refuse to add to a run that has no first stage, or had its second. Raises UsageError."""
    for kind, (why, fix) in _NO_FIRST_STAGE.items():
        if kind in manifest.notes:
            raise UsageError(f"Nothing can be added to {run.name}: {why}.", fix=fix)
    for other in runs_of_suite(run.parent, manifest.suite_name):
        if other.manifest.second_look is not None and other.manifest.second_look.to == manifest.run_id:
            raise UsageError(
                f"Cases were added to {run.name} already, by {other.folder.name}: a third look would err too often.",
                fix=f"Go on with `harness resume {other.folder.name}`; if it ended before its first call, delete it.",
            )


def added_to(run: Path, manifest: Manifest, more: int, bundle: Bundle, asked: frozenset[str]) -> Added:
    """Plan so many further cases for a run, each label with its share of what was not asked.

    `bundle` has all cases of its suite, `asked` are the ids of those of the run. What the endpoint failed is asked
    again. Raises UsageError where there is nothing to add.
    """
    if len(asked) == len(bundle.cases):
        raise UsageError(
            f"{run.name} asked all {len(asked):,} cases of its suite: there is none to add.",
            fix="Write new cases into the suite's files.",
        )
    whole = bundle.with_more(asked, more).stopping(None)
    return Added(whole, tuple(_replies(run)), manifest, len(asked), _least_share(whole, asked))


def _replies(run: Path) -> list[Record]:
    """Give the latest reply to each trial; what the endpoint failed is none."""
    events = (event for event in events_of(run) if isinstance(event, Record) and not event.warmup)
    latest = {(one.candidate, one.case, one.variant, one.repeat): one for one in events}
    return [one for one in latest.values() if isinstance(one.outcome, Reply)]


def _least_share(whole: Bundle, asked: frozenset[str]) -> float:
    """Give the least share of a label's cases that was looked at; labels that are new had no look."""
    now = Counter(case.expected for case in whole.cases)
    before = Counter(case.expected for case in whole.cases if case.id in asked)
    return min(len(asked) / len(whole.cases), *(n / now[label] for label, n in before.items()))
