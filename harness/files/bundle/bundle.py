"""Everything that a run needs of the files, read once and checked together before the first call.

The project's root is the folder of harness.yml. That file is looked for upward from the working directory;
when the suite lies outside of what was found (or nothing was), upward from the suite. Where there is no
harness.yml at all, the embedded model is the only one and the root is the parent of the suite's folder, so
that `suites/a.suite.yml` may name `../prompts/*.prompt.yml`. Whatever files name must lie inside the root
after symlinks are resolved; what a person names on the command line may lie anywhere.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.files.bundle.choice import RunChoice
from harness.files.bundle.demands import demanded, left_open, read_thresholds
from harness.files.bundle.fitting import check_cases, check_prompt, check_speaks, too_dear
from harness.files.bundle.gathering import Gatherer
from harness.files.bundle.notes import notes_on
from harness.files.case import Case, apply_own, check_names, is_own
from harness.files.mending import places_of
from harness.files.project import ModelEntry, Project, Via, checked_via, model_digest
from harness.files.prompts import Prompt, prompt_digest
from harness.files.suite import LatencyRule, ReplyRule, StopRule, Suite, suite_digest
from harness.files.suite.policy import Threshold, default_thresholds
from harness.files.written import Checked, Findings, shortest, shortlist


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One prompt on one model."""

    name: str  # prompt@model
    prompt: Prompt
    model_name: str
    model: ModelEntry
    prompt_digest: str
    model_digest: str
    places: Mapping[str, str] = field(default_factory=dict)  # file and line of what one may change
    reply: ReplyRule | None = None  # in place of the suite's


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A suite with everything that it names, checked."""

    project: Project
    suite: Suite
    candidates: tuple[Candidate, ...]
    cases: tuple[Case, ...]
    thresholds: tuple[Threshold, ...]  # the suite's, or the documented defaults
    files: tuple[Path, ...]  # all that were read
    replaced: Path | None = None  # the case file that stands for the suite's own
    suite_digest: str
    own_repeats: int  # as the suite's file says, whatever was asked for
    demanded: bool = False  # the thresholds stand for the suite's own
    unasked: int = 0  # cases of its files that a limit left out
    left_out: tuple[str, ...] = ()  # what a run will not do although the files ask for it, in sentences
    notes: tuple[str, ...] = ()  # what is allowed and seldom meant, in sentences

    def stopping(self, written: object) -> "Bundle":
        """Give the same bundle with another rule of when to stop, as a suite writes it; None: ask all cases."""
        rule = None if written is None else StopRule.model_validate(written)
        return replace(self, suite=self.suite.model_copy(update={"stop": rule}))

    def as_begun(self, suite: Mapping[str, object]) -> "Bundle":
        """Give the same bundle with the rules that a run began with, as its manifest keeps the suite."""
        rule = suite.get("latency")
        latency = None if rule is None else LatencyRule.model_validate(rule)
        begun = self.stopping(suite.get("stop"))
        return replace(begun, suite=begun.suite.model_copy(update={"latency": latency}))

    @property
    def timed(self) -> tuple[Case, ...] | None:
        """The cases that latency rests on: a sample, or none, where a model is not asked at once; else None: all."""
        rule, models = self.suite.latency, [one.model for one in self.candidates]
        if all(model.via == "sync" for model in models):
            return None
        if rule is None or not all(model.via == "sync" or model.waits for model in models):
            return ()
        return tuple(self.cases[place] for place in rule.of(self.cases, self.suite.seed))

    @property
    def untimed(self) -> tuple[str, ...]:
        """Say by what latency is decided, or that it is not, of each model whose calls are not asked at once."""
        rule = self.suite.latency
        none = "no latency is decided; `latency: {sample: 100}` in the suite asks 100 cases at once beside it."
        sampled = 0 if rule is None else min(rule.sample, len(self.cases))
        some = f"latency is decided by {sampled:,} cases that are asked at once." if sampled else ""
        told = {"batch": f"in a batch: {some or none}", "file": f"by a file: {some or none}"}
        told["flex"] = "at the service tier flex: no latency is decided."
        models = {one.model_name: one.model.via for one in self.candidates}
        return tuple(f"the model `{name}` is asked {told[via]}" for name, via in models.items() if via in told)

    def bought(self, via: Via | Mapping[str, Via] | None) -> "Bundle":
        """Give the same bundle, its answers bought in one way or each model's in its own; None: as harness.yml says.

        What waits for a batch asks every case: it is sent whole. Raises UsageError for a model that can't.
        """
        bought = self
        if via is not None:
            own = via if isinstance(via, Mapping) else {c.model_name: via for c in self.candidates}
            models = [checked_via(c.model_name, c.model, own[c.model_name]) for c in self.candidates]
            bought = replace(self, candidates=tuple(map(_on, self.candidates, models)))
        if self.suite.stop is None or not any(c.model.waits for c in bought.candidates):
            return bought
        told = "a batch is sent whole: `stop` is left out, every case is asked."
        return replace(bought.stopping(None), left_out=(*self.left_out, told))

    def measured_by(self, engine: str | None) -> "Bundle":
        """Give the same bundle with another engine, at the address that harness.yml names; None: as it is."""
        if engine is None:
            return self
        changed = self.project.engine.model_copy(update={"name": engine})
        return replace(self, project=self.project.model_copy(update={"engine": changed}))

    def only(self, ids: Container[str]) -> "Bundle":
        """Give the same bundle with the cases of these ids."""
        cases = tuple(case for case in self.cases if case.id in ids)
        unasked = self.unasked + len(self.cases) - len(cases)
        return replace(self, cases=cases, unasked=unasked, suite_digest=suite_digest(self.suite, cases))

    def with_more(self, asked: Collection[str], more: int) -> "Bundle":
        """Give the same bundle with the cases that were asked and a sample of the others, each label with its share."""
        others = [case for case in self.cases if case.id not in asked]
        return self.only({*asked, *(case.id for case in RunChoice(limit=more).of(others, self.suite.seed))})


def load_bundle(
    suite_path: Path,
    *,
    prompts: Sequence[str] = (),
    models: Sequence[str] = (),
    repeats: int | None = None,
    thresholds: Sequence[str] = (),
    cases: Path | None = None,
    limit: int | None = None,
    first: int | None = None,
    splits: Collection[str] = (),
    tags: Collection[str] = (),
    project: Path | None = None,
    entries: Mapping[str, ModelEntry] | None = None,
    trusted: bool = True,
    confined: bool = False,
    unlabelled: bool = False,
) -> Bundle:
    """Read a suite and all that it names. Raises FilesError with every problem of every file.

    `prompts` are paths or names of the suite's prompts; `models` are names of harness.yml; `cases` replaces
    the suite's case files, and `thresholds` (texts, or files of them) its thresholds; `splits` and `tags` keep the
    cases that have one of them; then `first` keeps the first and `limit` a sample, seeded by the suite and
    stratified by label. `project` names harness.yml (default: found, see above), and `entries` stand in place of
    its models, whose recordings are not looked for then. `trusted=False` is for files of strangers: prompts are
    rendered in a child process with limits, all that a run would send first, and perturbations can't be Python
    code. `confined=True` has the prompts alone rendered there: also later, by whatever takes the bundle.
    `unlabelled` allows cases without a right label.
    """
    findings = Findings()
    gather = Gatherer(suite_path, project, findings, entries=entries, unlabelled=unlabelled)
    loader = _Loader(suite_path, gather, findings, trusted=trusted, confined=confined or not trusted)
    choice = RunChoice(limit=limit, first=first, splits=splits, tags=tags)
    bundle = loader.load(prompts, models, repeats, cases, choice, asked=thresholds)
    loader.findings.raise_if_any()
    assert bundle is not None  # nothing is left out without a finding
    return bundle


class _Loader:
    """Collects problems over all files of one bundle."""

    def __init__(
        self, suite_path: Path, gather: Gatherer, findings: Findings, *, trusted: bool, confined: bool
    ) -> None:
        self.findings = findings
        self.confined = confined
        self.suite_path = suite_path
        self.trusted = trusted
        self.gather = gather

    def load(
        self,
        prompts: Sequence[str],
        models: Sequence[str],
        repeats: int | None,
        cases: Path | None,
        choice: RunChoice,
        *,
        asked: Sequence[str],
    ) -> Bundle | None:
        checked = self.gather.suite()
        if checked is None:
            return None
        before = self.findings.total
        everything = self.gather.cases(checked, cases)
        sound = self.findings.total == before
        rows = choice.of(everything, checked.model.seed)
        entries = self.gather.models(checked, models)
        read = self.gather.prompts(checked, prompts)
        if self.confined:
            read = [prompt.updated(confined=True) for prompt in read]
        known = all(case.expected for case in everything)
        own = everything if sound and known and cases is None else ()  # a later sample may lack splits and tags
        sources = demanded(asked, checked) if asked else [checked]
        self.gather.files += [source.path for source in sources if source is not checked and source.path.is_file()]
        times = repeats or checked.model.repeats
        most = max(times, checked.model.repeats)  # fewer than the suite's own are a first look
        thresholds = tuple(one for each in sources for one in read_thresholds(each, own, most, entries))
        rows = self._vary(checked, rows)
        if everything and sound:
            if known:
                check_cases(checked, everything, replaced=cases is not None)
            if not rows:
                self._no_case_left(checked, choice)
        sample = rows[0] if rows else None
        fitted = [
            check_prompt(prompt, checked, everything, sample)
            for prompt in read
            if self.trusted or self._survives(prompt, rows, checked.model)
        ]
        pairs, unfit = check_speaks(checked, read, entries, self.gather.by_pattern)
        if self.findings.problems:
            return None
        update = {"repeats": times, "thresholds": tuple(text for each in sources for text in each.model.thresholds)}
        suite = checked.model.model_copy(update=update)
        if not thresholds:
            thresholds = default_thresholds(checked.model, {case.split for case in rows})
        return Bundle(
            project=self.gather.project,
            suite=suite,
            candidates=_candidates([p for p in fitted if p is not None], entries, pairs, self.gather.project),
            cases=tuple(rows),
            thresholds=thresholds,
            files=tuple(dict.fromkeys(self.gather.files)),
            suite_digest=suite_digest(suite, rows),
            replaced=cases,
            own_repeats=checked.model.repeats,
            demanded=bool(asked),
            unasked=0 if choice.splits or choice.tags else len(everything) - len(rows),
            left_out=(*unfit, *left_open(thresholds, times)),
            notes=notes_on(self.gather.reader, everything, [p for p in fitted if p is not None]),
        )

    def _survives(self, read: Checked[Prompt], rows: Sequence[Case], suite: Suite) -> bool:
        """Say whether a stranger's prompt can be rendered within limits; ordinary mistakes are told later."""
        dear = too_dear(read.model, rows, [v for v in suite.perturbations if not is_own(v)], suite)
        if dear is not None:
            read.problem((), *dear)
        return dear is None

    def _vary(self, checked: Checked[Suite], rows: list[Case]) -> list[Case]:
        """Check the perturbations, and give the cases with what the suite's own made of them."""
        if not checked.whole("perturbations"):
            return rows
        names = checked.model.perturbations
        for i, message, fix in check_names(names, trusted=self.trusted):
            checked.problem(("perturbations", i), message, fix)
        own = [name for name in names if is_own(name)]
        if not own or not self.trusted:
            return rows
        made = apply_own(own, rows, self.gather.root)
        for name, message, fix in made.problems:
            checked.problem(("perturbations", names.index(name)), message, fix)
        self.gather.files += [shortest(file) for file in made.files]
        return made.cases

    def _no_case_left(self, checked: Checked[Suite], choice: RunChoice) -> None:
        wanted = [*(f"split={s}" for s in sorted(choice.splits)), *(f"tag={t}" for t in sorted(choice.tags))]
        checked.problem((), f"no case is left by {shortlist(wanted) or 'the limit'}.", "Ask for fewer conditions.")


def _on(candidate: Candidate, model: ModelEntry) -> Candidate:
    return replace(candidate, model=model)


def _candidates(
    prompts: Sequence[Prompt], models: dict[str, ModelEntry], pairs: Collection[tuple[str, str]], project: Project
) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(
            name=f"{prompt.name}@{name}",
            prompt=prompt,
            model_name=name,
            model=entry,
            prompt_digest=prompt_digest(prompt),
            model_digest=model_digest(entry),
            places=places_of(prompt, name, project),
        )
        for prompt in prompts
        for name, entry in models.items()
        if (prompt.name, name) in pairs
    )
