"""All prompts on all new models -> which model may be taken, one exit code, one sentence to forward.

A model is taken for all prompts, so it may be taken when every prompt survives. Where several new models are asked
about, the best of them is the answer, so that each must pass at alpha divided by how many there are.
"""

from collections.abc import Sequence

from harness.errors import Exit
from harness.judge import UPGRADE_SCHEMA, Upgrade, UpgradedModel, UpgradedPrompt, UpgradeVerdict, listed, verb
from harness.judge.compare.no_worse import Demand
from harness.rundir import Manifest

_BEST: tuple[UpgradeVerdict, ...] = ("SWITCH", "INCONCLUSIVE", "DON'T SWITCH", "NOT MEASURED")
_WORST: tuple[UpgradeVerdict, ...] = ("DON'T SWITCH", "NOT MEASURED", "INCONCLUSIVE", "SWITCH")  # of the prompts
_WORDS: dict[UpgradeVerdict, tuple[str, str]] = {
    "DON'T SWITCH": ("fails", "fail"),
    "NOT MEASURED": ("was not measured", "were not measured"),
    "INCONCLUSIVE": ("is undecided", "are undecided"),
    "SWITCH": ("survives", "survive"),
}
_CODES: dict[UpgradeVerdict, Exit] = {
    "SWITCH": Exit.READY,
    "DON'T SWITCH": Exit.NOT_READY,
    "INCONCLUSIVE": Exit.INCONCLUSIVE,
    "NOT MEASURED": Exit.ENDPOINT_UNUSABLE,
}


def concluded(
    prompts: Sequence[UpgradedPrompt], manifest: Manifest, old: str, asked: Demand, *, complete: bool, to_label: str
) -> Upgrade:
    """Decide a change of model."""
    names = dict.fromkeys(one.model for one in prompts)
    models = tuple(_of_model(name, [one for one in prompts if one.model == name]) for name in names)
    unmet = {name: sum(c.status != "PASS" for p in prompts if p.model == name for c in p.checks) for name in names}
    best = min(models, key=lambda one: (_BEST.index(one.verdict), unmet[one.model]))
    others = [f"{one.model}: {one.verdict}" for one in models if one is not best]
    beside = f" Asked about as well: {listed(others, 5)}." if others else ""
    return Upgrade(
        schema_version=UPGRADE_SCHEMA,
        verdict=best.verdict,
        exit_code=int(_exit(best, prompts, complete=complete)),
        headline=f"{_opening(best, old)}: {best.headline}{beside}",
        suite=manifest.suite_name,
        run_id=manifest.run_id,
        created_utc=manifest.created_utc,
        old=old,
        models=models,
        prompts=tuple(prompts),
        margin=asked.margin,
        label_margin=asked.label_margin,
        confidence=asked.confidence,
        complete=complete,
        labelled=not to_label,
        to_label=to_label,
    )


def _of_model(model: str, prompts: Sequence[UpgradedPrompt]) -> UpgradedModel:
    by = {verdict: tuple(one.prompt for one in prompts if one.verdict == verdict) for verdict in _WORST}
    verdict = next(worst for worst in _WORST if by[worst])
    first = next(one for one in prompts if one.verdict == verdict)
    told = first.headline
    if len(prompts) > 1:
        parts = [f"{listed(names, 4)} {verb(len(names), *_WORDS[one])}" for one, names in by.items() if names]
        told = f"of {len(prompts):,} prompts {'; '.join(parts)}. {told}"
    return UpgradedModel(
        model=model,
        verdict=verdict,
        headline=told,
        survive=by["SWITCH"],
        fall=by["DON'T SWITCH"],
        undecided=(*by["INCONCLUSIVE"], *by["NOT MEASURED"]),
    )


def _opening(model: UpgradedModel, old: str) -> str:
    change = f"from {old} to {model.model}"
    if model.verdict == "NOT MEASURED":
        return "NOT MEASURED"
    return f"{model.verdict}{' whether to switch' if model.verdict == 'INCONCLUSIVE' else ''} {change}"


def _exit(model: UpgradedModel, prompts: Sequence[UpgradedPrompt], *, complete: bool) -> Exit:
    """Give the exit code: 4 where the run is not finished, or failed calls alone keep it open."""
    mine = [check for one in prompts if one.model == model.model for check in one.checks]
    undecided = [check for check in mine if check.status == "INCONCLUSIVE"]
    by_failures = model.verdict == "INCONCLUSIVE" and undecided and all(check.depends_on for check in undecided)
    if model.verdict != "NOT MEASURED" and (not complete or by_failures):
        return Exit.INCOMPLETE
    return _CODES[model.verdict]
