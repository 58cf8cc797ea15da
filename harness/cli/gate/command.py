"""`harness gate` says whether a branch may be merged, as far as its prompts are concerned."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from harness.cli.ground import Money, margin_of, most_of, options, show_error
from harness.errors import EndpointUnusable

if TYPE_CHECKING:
    from harness.files.branch import GateBundle


class PolicySide(StrEnum):
    """The side whose files judge."""

    BASE = "base"
    HEAD = "head"


BaseOption: TypeAlias = Annotated[
    str, typer.Option("--base", metavar="REF", help="The branch that this one is to be merged into.")
]
MarginOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--margin", metavar="SHARE", help="The loss that would not matter: 2%.", show_default="the suite's own"
    ),
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
MaxCostOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--max-cost", metavar="MONEY", help="Refuse to start when it may cost more: $2.", show_default=False),
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
        show_default=False,
    ),
]


def gate(
    suite: options.Suite,
    base: BaseOption = "origin/main",
    margin: MarginOption = None,
    policy: PolicyOption = PolicySide.BASE,
    max_cost: MaxCostOption = None,
    reuse: ReuseOption = True,
    prompt: options.Prompt = None,
    model: options.Model = None,
    repeats: options.Repeats = None,
    limit: options.Limit = None,
    out: OutOption = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Measure the prompts that a branch changed beside their base versions, and pass or fail the branch.

    Exits 0 when every changed prompt meets every threshold and is no worse than before, 1 when one does not,
    3 when the cases prove neither, 4 when the run could not be finished.
    """
    from tempfile import TemporaryDirectory

    from harness.files.branch import GateAsked, gate_bundle
    from harness.measure.endpoint.codecs import merged

    share = None if margin is None else margin_of(margin)
    most = None if max_cost is None else most_of(max_cost)
    asked = GateAsked(
        suite=suite,
        base=base,
        policy="head" if policy is PolicySide.HEAD else "base",
        prompts=tuple(prompt or ()),
        models=tuple(model or ()),
        repeats=repeats,
        limit=limit,
    )
    with TemporaryDirectory(prefix="harness-gate-") as scratch:
        found = gate_bundle(asked, Path(scratch).resolve(), merged)
        loss = found.bundle.suite.gate.margin if share is None else share
        code = _held(found, loss, most, reuse=reuse, out=out, quiet=quiet, as_json=as_json)
    raise typer.Exit(code)


def _held(
    found: GateBundle, margin: float, most: Money | None, *, reuse: bool, out: Path | None, quiet: bool, as_json: bool
) -> int:
    """Measure what has to be measured, judge, write and tell; gives the exit code."""
    from msgspec import structs

    from harness.cli.gate.judging import judge_gate
    from harness.cli.gate.measuring import Served, refuse_dear, run_gate, serve, served_of, to_measure
    from harness.cli.gate.outputs import tell, write_gate
    from harness.files.written import shortest

    results = shortest(found.results())
    served = serve(found, results) if reuse else Served()
    bundle = to_measure(found, served)
    run = ended = None
    if bundle.candidates:
        if most is not None:
            refuse_dear(bundle, served, most)
        try:
            run = run_gate(found, bundle, served, results, quiet=quiet)
        except EndpointUnusable as error:  # nobody answered: why not stands in every report
            if error.run is None:
                raise
            show_error(error)
            run, ended = error.run, error
    names = frozenset() if run is None else served_of(run)
    gate, assessment = judge_gate(found, run, served=names, margin=margin)
    if ended is not None:
        gate = structs.replace(gate, exit_code=int(ended.exit_code))
    write_gate(gate, assessment, run, out)
    tell(gate, as_json=as_json)
    return gate.exit_code
