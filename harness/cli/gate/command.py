"""`harness gate` says whether a branch may be merged, as far as its prompts are concerned."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from harness.cli.ground import (
    EndpointUnusable,
    UsageError,
    bounds_asked,
    margin_of,
    note,
    options,
    retiring_models,
    show_error,
)

if TYPE_CHECKING:
    from harness.cli.gate.judging import Held
    from harness.cli.gate.measuring import Most
    from harness.files.branch import GateBundle
    from harness.files.bundle import Via


class PolicySide(StrEnum):
    """The side whose files judge."""

    BASE = "base"
    HEAD = "head"


BaseOption: TypeAlias = Annotated[
    str, typer.Option("--base", metavar="REF", help="The branch that this one is to be merged into.")
]
PolicyOption: TypeAlias = Annotated[
    PolicySide,
    typer.Option(
        "--policy",
        metavar="SIDE",
        case_sensitive=False,
        help="base: judge by the thresholds, cases and models of the base. head: by the branch's own.",
    ),
]
ReuseOption: TypeAlias = Annotated[
    bool,
    typer.Option("--reuse/--no-reuse", help="Use stored replies of the base's prompts, where the suite allows it."),
]
OutOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        file_okay=False,
        help="Write gate.md, gate.json, gate-junit.xml and report.html there, too.",
    ),
]
AllOption: TypeAlias = Annotated[
    bool, typer.Option("--all", help="Every suite below here that the branch touches, decided as one.")
]


def gate(
    suite: options.SuiteOrAll = None,
    base: BaseOption = "origin/main",
    every: AllOption = False,
    margin: options.Margin = None,
    policy: PolicyOption = PolicySide.BASE,
    max_cost: options.MaxCost = None,
    max_trials: options.MaxTrials = None,
    reuse: ReuseOption = True,
    prompt: options.Prompt = None,
    model: options.Model = None,
    repeats: options.Repeats = None,
    limit: options.Limit = None,
    stop: options.Stop = False,
    via: options.Via = None,
    out: OutOption = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Measure what a branch changed beside its base version, and pass or fail the branch.

    Exits 0 when all that changed meets every threshold and is no worse than before, 1 when something does not,
    2 when it may not be judged, 3 when the cases prove neither, 4 when the run could not be finished.
    """
    from tempfile import TemporaryDirectory

    from harness.files.branch import GateAsked, gate_bundle, gate_bundles
    from harness.measure.endpoint.codecs import merged

    if every == (suite is not None) or (every and prompt):
        raise UsageError("name one suite, or all by --all without --prompt.", fix="`harness gate --all --base REF`.")
    share = None if margin is None else margin_of(margin)
    most = bounds_asked(max_cost, max_trials)
    asked = GateAsked(
        suite=suite or Path(),
        base=base,
        policy="head" if policy is PolicySide.HEAD else "base",
        prompts=tuple(prompt or ()),
        models=tuple(model or ()),
        repeats=repeats,
        limit=limit,
    )
    with TemporaryDirectory(prefix="harness-gate-") as folder:
        scratch = Path(folder).resolve()
        found = gate_bundles(asked, scratch, merged) if every else (gate_bundle(asked, scratch, merged),)
        found = tuple(one.stopping() for one in found) if stop else found
        out = None if out is None else found[0].apart(out, "reports")
        held = _measured(found, share, most, via, reuse=reuse, quiet=quiet)
        code = _told(held, together=every, out=out, as_json=as_json)
    raise typer.Exit(code)


def _measured(
    found: Sequence[GateBundle], share: float | None, most: Most, via: Via | None, *, reuse: bool, quiet: bool
) -> list[Held]:
    """Plan and bound all suites, then measure one after the other; those that an earlier gate finished are kept."""
    from harness.cli.gate.judging import Held, stopper_for
    from harness.cli.gate.measuring import Served, begun, keys_of, left_of, look_up, run_gate, served_of, to_measure
    from harness.files.written import shortest

    told = dict.fromkeys(said for gate in found for said in retiring_models(gate.bundle))
    for said in () if quiet else told:
        note(said)
    plans = []
    for gate in found:
        results = shortest(gate.results())
        served = look_up(gate, results) if reuse else Served()
        plans.append((gate, to_measure(gate, served).bought(via), served, results))
    if any(candidate.model.via == "file" for _, bundle, *_ in plans for candidate in bundle.candidates):
        raise UsageError("a gate can't wait for answers in a file.", fix="Use --via batch, or --via sync.")
    keys = keys_of([(gate, bundle) for gate, bundle, *_ in plans], reuse=reuse)
    earlier = [begun(gate, key, results, reuse=reuse) for (gate, _, _, results), key in zip(plans, keys, strict=True)]
    half = any(plan[1].candidates and (run is None or left) for plan, (run, left) in zip(plans, earlier, strict=True))
    most.refuse(
        left_of(bundle, served, run)
        for (_, bundle, served, _), (run, left) in zip(plans, earlier, strict=True)
        if bundle.candidates and (run is None or left or not half)
    )
    held = []
    for (gate, bundle, served, results), key, (kept, left) in zip(plans, keys, earlier, strict=True):
        margin = gate.bundle.suite.gate.margin if share is None else share
        run, ended = kept if bundle.candidates else None, None
        if bundle.candidates and (run is None or left or not half):
            try:
                again = run if left else None
                stopper = None if bundle.suite.stop is None else stopper_for(found, gate, margin)
                run = run_gate(
                    gate, bundle, served, results, key=key, unfinished=again, most=most, quiet=quiet, stopper=stopper
                )
            except EndpointUnusable as error:  # nobody answered: why not stands in every report
                if error.run is None:
                    raise
                show_error(error)
                run, ended = error.run, error
        names = frozenset() if run is None else served_of(run)
        held.append(Held(gate=gate, margin=margin, run=run, served=names, ended=ended))
    return held


def _told(held: Sequence[Held], *, together: bool, out: Path | None, as_json: bool) -> int:
    from harness.cli.gate.judging import judge_gates
    from harness.cli.gate.outputs import tell, write_gate

    gate, assessments = judge_gates(held, together=together)
    both = zip(held, assessments, strict=True)
    write_gate(gate, [(one.run, made) for one, made in both if one.run is not None and made is not None], out)
    tell(gate, as_json=as_json)
    return gate.exit_code
