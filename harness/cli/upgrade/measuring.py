"""Measures a change of model: both models in one run, or the rest of one; then what broke, on fresh repeats."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec

from harness import errors
from harness.cli.ground import note, retiring_models, show_error
from harness.cli.measured import go_on_or_begin, is_too_old
from harness.files.bundle import Bundle, Via, load_bundle
from harness.files.digest import digest
from harness.files.written import shortest
from harness.measure.run import Most, Plan, Stopper
from harness.measure.session import something_left
from harness.rundir import Manifest, list_runs, read_manifest

DOCUMENT, FRESH = "upgrade.json", "fresh"  # in the folder of the run
MOST_ASKED_AGAIN = 100  # cases of each prompt and model


@dataclass(frozen=True, slots=True)
class UpgradeAsked:
    """What the command line names."""

    suite: Path
    old: str
    new: tuple[str, ...]
    prompts: tuple[str, ...]
    cases: Path | None
    repeats: int | None
    limit: int | None
    stop: bool
    via: Via | None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the manifest of an upgrade's run says of it."""

    key: str  # of what is measured: the same command again goes on with it
    old: str
    new: tuple[str, ...]
    margin: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    label_margin: Annotated[float, msgspec.Meta(gt=0, lt=1)]

    def with_margins(self, margin: float | None, label_margin: float | None) -> "Settings":
        """Take the margins that the command line names."""
        label = label_margin if label_margin is not None else margin
        return msgspec.structs.replace(
            self,
            margin=self.margin if margin is None else margin,
            label_margin=self.label_margin if label is None else label,
        )


def settings_of(manifest: Manifest) -> Settings:
    """Read what an upgrade's run says of it. Raises UsageError when it is none."""
    try:
        settings = msgspec.convert(manifest.notes["upgrade"], Settings)
        names = {entry.name for entry in manifest.candidates}
        olds = [
            f"{entry.prompt_name}@{settings.old}" for entry in manifest.candidates if entry.model_name in settings.new
        ]
        if not olds or not names.issuperset(olds):
            raise KeyError
        return settings
    except (KeyError, msgspec.ValidationError):
        said = f"{manifest.run_id}: its manifest.json is not that of the run of an upgrade."
        raise errors.UsageError(said, fix="Measure one: harness upgrade SUITE --from OLD --to NEW.") from None


def measured(
    asked: UpgradeAsked,
    margin: float | None,
    label_margin: float | None,
    most: Most,
    *,
    stopping: Callable[[Bundle, Settings], Stopper | None],
    quiet: bool,
) -> tuple[Path, Settings, Bundle]:
    """Measure both models in a new run, or finish the one that the same command left behind."""
    if asked.old in asked.new or len(set(asked.new)) < len(asked.new):
        raise errors.UsageError("--from and --to must name different models.", fix="Name each model once.")
    bundle = load_bundle(
        asked.suite,
        prompts=asked.prompts,
        models=(asked.old, *asked.new),
        repeats=asked.repeats,
        cases=asked.cases,
        limit=asked.limit,
        unlabelled=True,
    ).asked(stop=asked.stop, via=asked.via)
    _refuse_unpaired(bundle, asked)
    whole = bundle.suite.stop is None or all(case.expected for case in bundle.cases)
    early = () if whole else ("cases without a label settle nothing early: `stop` is left out, every case is asked.",)
    for told in () if quiet else (*bundle.left_out, *early, *retiring_models(bundle)):
        note(told)
    settings = Settings(
        key=_key(bundle),
        old=asked.old,
        new=asked.new,
        margin=bundle.suite.gate.margin,
        label_margin=bundle.suite.gate.margin,
    ).with_margins(margin, label_margin)
    results = shortest(bundle.project.results)
    try:
        begun, notes = _left_behind(results, settings.key, bundle), msgspec.to_builtins(settings)
        folder = _run(bundle, results, begun, notes, most, stopper=stopping(bundle, settings), quiet=quiet)
    except (errors.EndpointUnusable, errors.RunIncomplete) as error:  # what the endpoint said belongs into the report
        if error.run is None or isinstance(error, errors.StorageFailed | errors.Waiting):
            raise
        show_error(error)
        folder = error.run
    return folder, settings, bundle


def _refuse_unpaired(bundle: Bundle, asked: UpgradeAsked) -> None:
    names = {candidate.name for candidate in bundle.candidates}
    prompts = dict.fromkeys(candidate.prompt.name for candidate in bundle.candidates)
    for prompt in prompts:
        for model in (asked.old, *asked.new):
            if f"{prompt}@{model}" not in names:
                said = f"the prompt {prompt} does not fit the model {model}, so that there is nothing to compare."
                fix = "Name the prompts that fit both with --prompt."
                raise errors.FilesError([errors.Problem(asked.suite, None, "prompts", said, fix)])


def _key(bundle: Bundle) -> str:
    candidates = [(c.name, c.prompt_digest, c.model_digest) for c in bundle.candidates]
    return digest([bundle.suite_digest, bundle.suite.model_dump(mode="json"), len(bundle.cases), candidates])


def _run(
    bundle: Bundle, into: Path, begun: Path | None, notes: object, most: Most, *, stopper: Stopper | None, quiet: bool
) -> Path:
    def amended(made: Manifest) -> Manifest:
        return msgspec.structs.replace(made, notes={**made.notes, "upgrade": notes})

    return go_on_or_begin("upgrade", bundle, into, begun, amend=amended, most=most, stopper=stopper, quiet=quiet)


def _left_behind(results: Path, key: str, bundle: Bundle) -> Path | None:
    """Find the latest run of the same, if it was not judged, or something of it is left to send."""
    for run in reversed(list_runs(results)):
        try:
            if read_manifest(run).notes.get("upgrade", {}).get("key") != key:
                continue
            left = not (run / DOCUMENT).is_file() or something_left(run)
        except (errors.HarnessError, OSError):
            continue
        return run if left and not is_too_old(run, bundle.suite.gate.reuse) else None
    return None


def fresh_run(folder: Path, names: tuple[str, str]) -> Path | None:
    """Find the fresh repeats of two candidates of a run."""
    for run in reversed(list_runs(folder / FRESH)):
        try:
            if tuple(entry.name for entry in read_manifest(run).candidates) == names:
                return run
        except errors.HarnessError:
            continue
    return None


def ask_again(
    folder: Path, bundle: Bundle, names: tuple[str, str], broken: list[str], repeats: int, most: Most, *, quiet: bool
) -> str:
    """Ask both models again about the broken cases; gives why not (all of) that was done, or nothing."""
    chosen = set(broken[:MOST_ASKED_AGAIN])
    cases = tuple(case for case in bundle.cases if case.id in chosen)
    candidates = tuple(next(c for c in bundle.candidates if c.name == name) for name in names)
    if any(candidate.model.endpoint == "replay" for candidate in candidates):
        return "recorded replies can't be asked for again"
    if any(candidate.model.via == "file" for candidate in candidates):
        return "answers that were made offline can't be asked for again at once"
    suite = bundle.suite.model_copy(update={"repeats": repeats, "perturbations": (), "stop": None})
    at_once = {c.model_name: "sync" if c.model.waits else c.model.via for c in candidates}  # a few: not for a day
    small = replace(bundle, cases=cases, candidates=candidates, suite=suite).bought(at_once)
    small = replace(small, suite_digest=digest([bundle.suite_digest, sorted(chosen)]))
    takes = Plan(small).planned
    if most.trials is not None and takes > most.trials:
        return f"it takes {takes:,} trials, and --max-trials leaves {most.trials:,}"
    key = _key(small)
    try:
        begun = _left_behind(folder / FRESH, key, bundle)
        _run(small, folder / FRESH, begun, {"key": key}, most, stopper=None, quiet=quiet)
    except (errors.EndpointUnusable, errors.RunIncomplete, errors.UsageError) as error:
        return str(error)
    return f"of {len(broken):,} the first {MOST_ASKED_AGAIN}" if len(broken) > MOST_ASKED_AGAIN else ""
