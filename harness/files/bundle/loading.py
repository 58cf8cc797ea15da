"""Everything that a run needs of the files, read once and checked together before the first call.

The project's root is the folder of harness.yml. That file is looked for upward from the working directory;
when the suite lies outside of what was found (or nothing was), upward from the suite. Where there is no
harness.yml at all, the embedded model is the only one and the root is the parent of the suite's folder, so
that `suites/a.suite.yml` may name `../prompts/*.prompt.yml`. Whatever files name must lie inside the root
after symlinks are resolved; what a person names on the command line may lie anywhere.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from harness.files.bundle.bundle import Bundle, Candidate, RunChoice
from harness.files.bundle.demands import left_open, read_demands
from harness.files.bundle.fitting import check_cases, check_prompt, check_speaks, too_dear
from harness.files.bundle.gathering import Gatherer
from harness.files.bundle.notes import notes_on
from harness.files.case import Case, apply_own, check_names, is_own
from harness.files.mending import places_of
from harness.files.project import ModelEntry, Project, model_digest
from harness.files.prompts import Prompt, prompt_digest
from harness.files.suite import Suite, default_thresholds, suite_digest
from harness.files.written import Checked, Findings, shortest, shortlist


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
    its models, whose files are not looked for then. `trusted=False` is for files of strangers: prompts are
    rendered in a child process with limits, all that a run would send first, and perturbations can't be Python
    code. `confined=True` has the prompts alone rendered there: also later, by whatever takes the bundle.
    `unlabelled` allows cases without a right label.
    """
    findings = Findings()
    for name, number in (("repeats", repeats), ("limit", limit), ("first", first)):
        if number is not None and number < 1:  # a slice would take a negative one for all but so many
            findings.add(suite_path, None, name, f"is {number}: must be a whole number, 1 or more.")
    findings.raise_if_any()
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
        entries = self.gather.models(checked, models)
        read = [p.updated(confined=True) if self.confined else p for p in self.gather.prompts(checked, prompts)]
        # A later sample may lack splits and tags.
        own = everything if sound and cases is None and all(c.expected for c in everything) else ()
        times = repeats or checked.model.repeats
        most = max(times, checked.model.repeats)  # fewer than the suite's own are a first look
        thresholds, texts, files = read_demands(asked, checked, own, most, entries)
        self.gather.files += files
        rows = self._vary(checked, choice.of(everything, checked.model.seed))
        if everything and sound:
            self._check(checked, everything, rows, choice, replaced=cases is not None)
        fitted = self._fitted(read, checked, everything, rows)
        pairs, unfit = check_speaks(checked, read, entries, self.gather.by_pattern)
        self._refuse_odd_names()
        if self.findings.problems:
            return None
        suite = checked.model.model_copy(update={"repeats": times, "thresholds": texts})
        thresholds = thresholds or default_thresholds(checked.model, {case.split for case in rows})
        return Bundle(
            project=self.gather.project,
            suite=suite,
            candidates=_candidates(fitted, entries, pairs, self.gather.project),
            cases=tuple(rows),
            thresholds=thresholds,
            files=tuple(dict.fromkeys(self.gather.files)),
            suite_digest=suite_digest(suite, rows),
            replaced=cases,
            own_repeats=checked.model.repeats,
            demanded=bool(asked),
            unasked=0 if choice.splits or choice.tags else len(everything) - len(rows),
            left_out=(*unfit, *left_open(thresholds, times)),
            notes=notes_on(self.gather.reader, everything, fitted),
        )

    def _refuse_odd_names(self) -> None:
        for file in self.gather.files:
            if any("\ud800" <= letter <= "\udfff" for letter in str(file)):
                self.findings.add(file, None, "", "has a name that is not UTF-8: no run can keep it.", "Rename it.")

    def _fitted(
        self, read: Sequence[Checked[Prompt]], checked: Checked[Suite], everything: Sequence[Case], rows: Sequence[Case]
    ) -> list[Prompt]:
        """Check the prompts against the suite and its cases; gives those that a run may send."""
        sample = rows[0] if rows else None
        fitted = (
            check_prompt(prompt, checked, everything, sample)
            for prompt in read
            if self.trusted or self._survives(prompt, rows, checked.model)
        )
        return [prompt for prompt in fitted if prompt is not None]

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

    def _check(
        self, checked: Checked[Suite], everything: list[Case], rows: list[Case], choice: RunChoice, *, replaced: bool
    ) -> None:
        if all(case.expected for case in everything):
            check_cases(checked, everything, replaced=replaced)
        if rows:
            return
        wanted = [*(f"split={s}" for s in sorted(choice.splits)), *(f"tag={t}" for t in sorted(choice.tags))]
        checked.problem((), f"no case is left by {shortlist(wanted) or 'the limit'}.", "Ask for fewer conditions.")


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
