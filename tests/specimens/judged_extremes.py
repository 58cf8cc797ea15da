"""Assessments to render: one in which every text is hostile, and one of nearly nothing."""

from __future__ import annotations

import msgspec
import over_time
from judged import assessment, candidate
from judged_sections import SPAM, classification, near

from harness.judge.documents import (
    Assessment,
    Confusion,
    Cost,
    Generalization,
    Latency,
    NotableCase,
    Stability,
    Trap,
    UnstableCase,
    undefined,
)

HOSTILE = (
    "\x1b[31mred\x1b]8;;http://evil.example\x07click\x1b]8;;\x07",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</details></td></table> | pipe | `tick` ``two`` <!-- comment",
    "@octocat see #12 and GH-7, https://evil.example www.evil.example a@b.example",
    "![x](http://evil.example/x.png) [link](javascript:alert(1)) :white_check_mark: $x^2$",
    "\u202egnp.exe\u202c zero\u200bwidth \ufeff tag\U000e0041 nul\x00 bell\x07 c1\x9b31m",
    "lone \ud800 surrogate and \ufffe \uffff",
    "line\nbreak\r\ntab\tcarriage\rreturn\n```\n# heading\n- [ ] task",
    "{{ 7*7 }} {% raw %} ${x} [bold red]markup[/]",
)


def hostile() -> Assessment:
    """Give one in which each string that a case, reply, prompt, model or label can set is an attack."""
    attack = " ".join(HOSTILE)
    labels = ("@team/spam|<b>", "ham`\x1b[2J")
    confusion = Confusion(rows=labels, columns=(*labels, "no label"), counts=SPAM.counts)
    matrix = classification(confusion)
    base = candidate()
    bad = candidate(
        "x@y",
        classification=matrix,
        checks=tuple(
            msgspec.structs.replace(c, why=attack, threshold=f"recall[{labels[0]}] >= 1%", label=labels[0])
            for c in base.checks
        ),
        traps=(Trap(kind="x", sentence=attack),),
        went_wrong=tuple(
            msgspec.structs.replace(
                row,
                message=attack,
                case=attack,
                where=attack,
                fix=attack,
                samples=tuple(
                    msgspec.structs.replace(one, case=attack, reply=attack, reason=attack) for one in row.samples
                ),
            )
            for row in base.went_wrong
        ),
        headline=attack,
        notable=tuple(
            NotableCase(why=attack, case=attack, expected=labels[0], got=labels[1], text=a, reply=a) for a in HOSTILE
        ),
        stability=msgspec.structs.replace(
            base.stability,
            unstable=(UnstableCase(case=attack, expected=labels[0], labels={attack: 3}, replies=(attack,)),),
            served_models={attack: 1, "other": 2},
            served_changes=over_time.served_changes(attack),
            served_changes_in_all=1,
            concurrency=over_time.concurrency(),
            concurrency_note=attack,
        ),
        history=over_time.history(attack),
        generalization=Generalization(
            gap=near(0.06, 0.04), gaps=(), versions=over_time.versions(attack), new_data=over_time.new_data(attack)
        ),
        timing_quality=msgspec.structs.replace(base.timing_quality, sentence=attack),
        slices=(msgspec.structs.replace(base.slices[0], name=attack),),
    )
    bad = msgspec.structs.replace(bad, name=attack, prompt=attack, model=attack)
    return assessment(bad, suite=attack, headline=attack, labels=labels, positive=labels[0], policy=(attack,))


def empty() -> Assessment:
    """Give a run in which nothing could be measured."""
    nothing = undefined("no trial has finished")
    confusion = Confusion(rows=("spam", "ham"), columns=("spam", "ham", "no label"), counts=((0, 0, 0), (0, 0, 0)))
    matrix = msgspec.structs.replace(
        classification(confusion),
        accuracy=nothing,
        balanced_accuracy=nothing,
        mcc=nothing,
        kappa=nothing,
        macro_f1=nothing,
    )
    bare = candidate(
        verdict="INCONCLUSIVE",
        headline="Nothing was measured.",
        classification=matrix,
        checks=(),
        traps=(),
        outcomes={},
        trials=0,
        cases=0,
        repeats=1,
        latency=Latency(
            caller=(),
            service=(),
            ttft=(),
            n=0,
            censored=0,
            histogram=(),
            over_time=(),
            parts=(),
            recorded=True,
            retried_trials=0,
            attempts=0,
            warmup_calls=0,
        ),
        stability=Stability(agreement=nothing, flip_rate=nothing, tar_raw=nothing, tar_label=nothing),
        cost=Cost(
            currency="USD",
            total=0.0,
            per_1000=nothing,
            per_correct=nothing,
            per_caught_positive=None,
            tokens_in=nothing,
            tokens_out=nothing,
            tokens_cached=nothing,
            priced=False,
        ),
        slices=(),
        robustness=None,
        generalization=None,
        leakage=None,
        notable=(),
        went_wrong=(),
    )
    return assessment(bare, complete=False, journalled_trials=0, paid_twice_at_most=4)
