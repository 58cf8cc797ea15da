"""`harness gate` says whether a branch may be merged, as far as its prompts are concerned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import (
    JsonOption,
    LimitOption,
    ModelOption,
    PromptOption,
    QuietOption,
    RepeatsOption,
    SuiteArgument,
)
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.files.gate_bundle import GateBundle


def gate(
    suite: SuiteArgument,
    base: Annotated[
        str,
        typer.Option("--base", metavar="REF", help="The branch that this one is to be merged into."),
    ] = "origin/main",
    margin: Annotated[
        str | None,
        typer.Option(
            "--margin",
            metavar="SHARE",
            help="The loss that would not matter: 2%.",
            show_default="the suite's own",
        ),
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            metavar="SIDE",
            help="base: judge by the thresholds, cases and models of the base. head: by the branch's own.",
        ),
    ] = "base",
    max_cost: Annotated[
        str | None,
        typer.Option(
            "--max-cost",
            metavar="MONEY",
            help="Refuse to start when it may cost more: $2.",
            show_default=False,
        ),
    ] = None,
    reuse: Annotated[
        bool,
        typer.Option(
            "--reuse/--no-reuse", help="Use stored replies of the base's prompts, where the suite allows it."
        ),
    ] = True,
    prompt: PromptOption = None,
    model: ModelOption = None,
    repeats: RepeatsOption = None,
    limit: LimitOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            file_okay=False,
            help="Write gate.md, gate.json, gate-junit.xml and report.html there, too.",
            show_default=False,
        ),
    ] = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure the prompts that a branch changed beside their base versions, and pass or fail the branch.

    Exits 0 when every changed prompt meets every threshold and is no worse than before, 1 when one does not,
    3 when the cases prove neither, 4 when the run could not be finished.
    """
    from tempfile import TemporaryDirectory

    from harness.files.gate_bundle import Asked, gate_bundle

    if policy not in ("base", "head"):
        raise UsageError(f"--policy {policy!r}: there are only base and head.", fix="Leave it at `base`.")
    asked = Asked(
        suite=suite,
        base=base,
        policy="head" if policy == "head" else "base",
        prompts=tuple(prompt or ()),
        models=tuple(model or ()),
        repeats=repeats,
        limit=limit,
    )
    with TemporaryDirectory(prefix="harness-gate-") as scratch:
        found = gate_bundle(asked, Path(scratch).resolve())
        loss = found.bundle.suite.gate.margin if margin is None else _share(margin)
        code = _held(found, loss, max_cost, reuse=reuse, out=out, quiet=quiet, as_json=as_json)
    raise typer.Exit(code)


def _held(
    found: GateBundle,
    margin: float,
    max_cost: str | None,
    *,
    reuse: bool,
    out: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Measure what has to be measured, judge, write and tell; gives the exit code."""
    from harness.cli.gate_judging import judge_gate
    from harness.cli.gate_measuring import Served, refuse_dear, run_gate, serve, served_of, to_measure
    from harness.cli.gate_outputs import tell, write_gate
    from harness.files.references import shortest

    results = shortest(found.root / found.bundle.project.results)
    served = serve(found, results) if reuse else Served()
    bundle = to_measure(found, served)
    run = None
    if bundle.candidates:
        if max_cost is not None:
            refuse_dear(bundle, served, max_cost)
        run = run_gate(found, bundle, served, results, quiet=quiet)
    names = frozenset() if run is None else served_of(run)
    gate, assessment = judge_gate(found, run, served=names, margin=margin)
    write_gate(gate, assessment, run, out)
    tell(gate, as_json=as_json)
    return gate.exit_code


def _share(written: str) -> float:
    from harness.files import units

    try:
        value = units.share(written)
    except ValueError as error:
        raise UsageError(f"--margin {written!r}: {error}.") from None
    if not 0 < value < 1:
        raise UsageError(f"--margin {written!r} is not between 0% and 100%.", fix="Write it as `2%`.")
    return value
