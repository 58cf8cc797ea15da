"""The manifest of a run: everything that is needed to repeat and explain it, and what it may say."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from harness.record import ORIGINAL

if TYPE_CHECKING:
    from harness.files.suite.model import ReplyRule, Suite

_MOST_VARIANTS = 1_000
MOST_SHARDS = 10_000  # of one run
_MOST_PROCESSES = 64  # that a folder may ask for


class FileDigest(msgspec.Struct, frozen=True, kw_only=True):
    """A file that the run read."""

    path: str  # relative to the project
    sha256: str  # of its bytes, in hexadecimal


class CandidateEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One prompt on one model, as measured. `prompt` and `model` are the validated files without secrets."""

    name: str  # prompt@model
    prompt_name: str  # name of the prompt
    model_name: str  # name of the model in harness.yml
    prompt: dict[str, Any]  # as read from its file
    model: dict[str, Any]  # its entry in harness.yml, which names the variable of a key, never the key
    prompt_digest: str  # digest of the prompt as sent
    model_digest: str  # digest of the model entry without limits and prices
    places: dict[str, str] = {}  # file and line of what one may change: see `files.mending`
    reply: dict[str, Any] | None = None  # the rule by which its replies are read, in place of the suite's


class SecondLook(msgspec.Struct, frozen=True, kw_only=True):
    """The first stage of a run to which cases were added: what of these was looked at before."""

    to: str  # run id
    cases: Annotated[int, msgspec.Meta(ge=1)]
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]  # of the cases, or of a label's where that is less


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is needed to repeat and explain a run."""

    schema_version: int  # version of this document; additions keep it
    run_id: str  # name of the folder of the run
    created_utc: str  # when it began, ISO 8601
    suite_name: str  # name of the suite
    suite: dict[str, Any]  # as its file says it: labels, reply rule, thresholds, repeats and all else
    suite_digest: str  # of labels, reply rule and cases; runs are comparable when it is the same
    candidates: tuple[CandidateEntry, ...]  # what was measured
    variants: tuple[str, ...]  # `original` first
    repeats: Annotated[int, msgspec.Meta(ge=1, lt=32_768)]  # how often each case is asked
    planned_trials: Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # cases x candidates x variants x repeats
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # of the order in which trials are sent
    files: tuple[FileDigest, ...]  # that were read, with digests
    versions: dict[str, str]  # python, prompt-readiness and the packages that touch the wire or the numbers
    platform: str  # operating system and machine
    git_commit: str | None  # of the project; null outside of git
    git_dirty: bool | None  # files differed from the commit; null outside of git
    command: tuple[str, ...]  # the command line, without secrets
    notes: dict[str, Any] = {}  # what else explains the run

    @property
    def asked_elsewhere(self) -> bool:
        """Whether it was judged from what another tool stored: nothing of it can be sent from here."""
        return "source" in self.notes

    @property
    def share(self) -> tuple[str, int]:
        """Which shard of a run it is (`3/8`, empty for a whole one) and how many trials are its own.

        Of a shard that was made before its manifest said so, those of the whole.
        """
        match self.notes.get("shard"):
            case {"number": int(number), "of": int(of), **more}:
                own = more.get("trials")
                return f"{number}/{of}", own if isinstance(own, int) else self.planned_trials
        return "", self.planned_trials

    @property
    def processes(self) -> int | None:
        """How many processes or actors it was asked to be measured by; None where nobody asked, or for too many."""
        asked: int = self.notes.get("processes", 0)
        return asked if 0 < asked <= _MOST_PROCESSES else None

    def again(self, them: str) -> str:
        """Say as a sentence what sends trials that failed again."""
        if self.asked_elsewhere:
            return f"Let the tool that asked send {them} again, and judge what it stores then."
        return f"`harness resume {self.run_id} --failed` sends just {them} again."

    def to_finish(self, *, shard_done: bool = False) -> str:
        """Say as a sentence what adds the trials that it lacks: of a shard its own first, then those of the others."""
        if self.asked_elsewhere:
            return "Let the tool ask the cases that this candidate lacks, and judge what it stores then."
        joined = "Join it with the other shards of its run: `harness merge RUN...`."
        if shard_done:
            return joined
        offline = any(entry.model.get("via") == "file" for entry in self.candidates)
        how = ", with `--results FILE` for answers made offline" if offline else ""
        what, then = ("shard", f" {joined}") if "shard" in self.notes else ("run", "")
        return f"Finish the {what}: `harness resume {self.run_id}`{how}.{then}"

    @property
    def harness_version(self) -> str:
        """The version of this package that measured; empty when it was not installed."""
        return self.versions.get("prompt-readiness", "")

    @property
    def second_look(self) -> SecondLook | None:
        """The first stage that further cases were added to; None where a run looks once. Raises ValueError."""
        try:
            return msgspec.convert(self.notes["added"], type=SecondLook) if "added" in self.notes else None
        except msgspec.ValidationError as error:
            raise ValueError(f"what it was added to: {error}") from None


def reply_rules(manifest: Manifest) -> "dict[str, ReplyRule]":
    """Give the rule by which the replies of each candidate are read: its own, else the suite's."""
    from harness.files.suite.model import ReplyRule

    own = ((entry.name, entry.reply or manifest.suite.get("reply") or {}) for entry in manifest.candidates)
    return {name: ReplyRule.model_validate(rule) for name, rule in own}


class ReplyRuleRefused(Exception):
    """A run was recorded with a pattern that is not matched any more; its replies are as good as ever."""

    def __init__(self, place: str, why: Exception) -> None:
        super().__init__(f"`{place}.pattern` {why}")
        self.fix = (
            f"Replies are read anew each time: write `{place}` in this file so that it can be, and as much in the "
            "suite; or put `as: mention` there."
        )


def _check_patterns(manifest: Manifest, suite: "Suite") -> None:
    """Compile the patterns by which replies are read. Raises ReplyRuleRefused, which names the place."""
    from harness.files.suite.model import ReplyRule
    from harness.files.suite.pattern import Pattern, PatternRefused

    rules = {"suite.reply": suite.reply}
    for number, entry in enumerate(manifest.candidates):
        if entry.reply is not None:
            rules[f"candidates[{number}].reply"] = ReplyRule.model_validate(entry.reply)
    for place, rule in rules.items():
        if rule.pattern is None:
            continue
        try:
            Pattern(rule.pattern, case_sensitive=rule.case_sensitive)
        except PatternRefused as refused:
            raise ReplyRuleRefused(place, refused) from None


def check_manifest(manifest: Manifest) -> None:
    """Check what a manifest says of its files by their own rules: its folder may come from anywhere.

    Raises ReplyRuleRefused, and ValueError for all else.
    """
    from harness.files.project.entry import ModelEntry
    from harness.files.prompt import Prompt
    from harness.files.suite.model import Suite

    suite = Suite.model_validate(manifest.suite)
    rules = [suite.reply, *reply_rules(manifest).values()]
    named = {alias for rule in rules for alias in rule.aliases}
    named |= {suite.positive} if suite.positive is not None else set()
    if len(set(suite.labels)) != len(suite.labels) or not named <= set(suite.labels):
        raise ValueError("its labels are doubled, or it names others")
    _check_patterns(manifest, suite)
    if manifest.variants[:1] != (ORIGINAL,) or len(set(manifest.variants)) != len(manifest.variants):
        raise ValueError("its variants are not `original` and others")
    if len(manifest.variants) > _MOST_VARIANTS:
        raise ValueError("its parts do not fit together")
    if not manifest.candidates or len({entry.name for entry in manifest.candidates}) != len(manifest.candidates):
        raise ValueError("it has no candidates, or two of one name")
    for entry in manifest.candidates:
        Prompt.model_validate(entry.prompt)
        ModelEntry.model_validate(entry.model)
    datetime.fromisoformat(manifest.created_utc)
    kinds = {
        "gate": dict,
        "upgrade": dict,
        "reload": dict,
        "changed": list,
        "shard": dict,
        "merged": list,
        "source": dict,
        "unasked": int,
        "processes": int,
    }
    if any(not isinstance(manifest.notes[key], kind) for key, kind in kinds.items() if key in manifest.notes):
        raise ValueError("its notes are none that a run writes")
    number, of = (manifest.notes.get("shard", {"number": 1, "of": 1}).get(key) for key in ("number", "of"))
    if not isinstance(number, int) or not isinstance(of, int) or not 1 <= number <= of <= MOST_SHARDS:
        raise ValueError("it names a shard that is none")
    if manifest.second_look is not None and manifest.second_look.to == manifest.run_id:
        raise ValueError("it was added to itself")
