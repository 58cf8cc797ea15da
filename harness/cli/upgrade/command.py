"""`harness upgrade` says whether one model may take over from another."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from harness.cli.ground import UsageError, bounds_asked, margin_of, options, run_asked

SuiteArgument: TypeAlias = Annotated[
    Path | None, typer.Argument(metavar="SUITE", help="A *.suite.yml file.", autocompletion=options.suites)
]
FromOption: TypeAlias = Annotated[
    str | None, typer.Option("--from", metavar="OLD", help="The model in use.", autocompletion=options.models)
]
ToOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--to", metavar="NEW", help="A model to take over; may be repeated.", autocompletion=options.models),
]
LabelMarginOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--label-margin", metavar="SHARE", help="The same for the recall of one label.", show_default="as --margin"
    ),
]
ConfirmOption: TypeAlias = Annotated[
    int, typer.Option("--confirm", min=0, max=20, help="Ask again so often about each case that broke; 0: don't.")
]
RunOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="RUN", help="Judge a measured upgrade again; nothing is sent.", autocompletion=options.runs
    ),
]
LabelsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Right labels of cases that had none, such as a filled-in to-label.jsonl.",
    ),
]


def upgrade(
    suite: SuiteArgument = None,
    old: FromOption = None,
    new: ToOption = None,
    prompt: options.Prompt = None,
    margin: options.Margin = None,
    label_margin: LabelMarginOption = None,
    cases: options.Cases = None,
    repeats: options.Repeats = None,
    limit: options.Limit = None,
    stop: options.Stop = False,
    via: options.Via = None,
    confirm: ConfirmOption = 3,
    max_cost: options.MaxCost = None,
    max_trials: options.MaxTrials = None,
    run: RunOption = None,
    labels: LabelsOption = None,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Say whether one model may take over from another: SWITCH, DON'T SWITCH or INCONCLUSIVE.

    Both models are measured on the same cases, interleaved in one run. Exits 0 when the new model meets every
    threshold and is no worse than the old one, 1 when it does not, 3 when the cases prove neither, 5 when it was
    never answered. Cases may lack `expected`: then the cases on which the two disagree are written to a file.
    """
    from harness.cli.upgrade.judging import judge, stopper_for, tell
    from harness.cli.upgrade.measuring import UpgradeAsked, measured, settings_of

    shares = [None if written is None else margin_of(written) for written in (margin, label_margin)]
    most = bounds_asked(max_cost, max_trials)
    if run is not None:
        folder, manifest = run_asked(run)
        settings, bundle = settings_of(manifest), None
    else:
        if suite is None or old is None or not new:
            raise UsageError("what is to be replaced?", fix="Write harness upgrade SUITE --from OLD --to NEW.")
        asked = UpgradeAsked(suite, old, tuple(new), tuple(prompt or ()), cases, repeats, limit, stop, via)
        folder, settings, bundle = measured(asked, shares[0], shares[1], most, stopping=stopper_for, quiet=quiet)
    settings = settings.with_margins(*shares)
    made = judge(folder, settings, labels=labels, bundle=bundle, repeats=confirm, most=most, quiet=quiet)
    tell(folder, made, as_json=as_json)
    raise typer.Exit(made.exit_code)
