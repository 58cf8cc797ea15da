"""What to change where an endpoint refuses, or replies are of no use: the file, the line, and the sentence.

`places_of` finds where the things stand that a message may be about, while the files are read; a run keeps
them, so that a report can still name the line years later. `what_to_change` picks the one that a message is
about: the parameter that it names, the key, the model, the address.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from harness.files.project import Adapt, Project
from harness.files.prompts import Prompt
from harness.record import Failure, FailureKind

# By what they are called in `what_to_change`: `params.max_tokens`, `base_url`, `entry`, `prompt`.
Places: TypeAlias = Mapping[str, str]

OUTPUT_LIMITS = (
    *("max_completion_tokens", "max_output_tokens", "max_tokens", "maxCompletionTokens", "maxTokens", "n_predict"),
)
_ADDRESS = ("base_url", "url")
_CORRECT = "Correct {}"
_AT: dict[FailureKind, tuple[tuple[str, ...], str]] = {
    "unknown_model": (("model", "weights", "entry"), _CORRECT),
    "tls": (("ca_file", *_ADDRESS, "entry"), "Correct {}, or the server's certificate"),
    "redirect": ((*_ADDRESS, "entry"), "Correct {}, or what answers there"),
    "invalid_reply": ((*_ADDRESS, "entry"), "Correct {}, or what answers there"),
    "no_recorded_reply": (("replies", "entry"), "Record these trials, or correct {}"),
    "render": (("prompt",), "Correct the template in {}, or the inputs of these cases"),
}
_INSTEAD = re.compile(r"[Uu]se [\'\"`]?([A-Za-z_]{3,40})[\'\"`]? instead")
_OF_A_KEY = re.compile(r"\b(api[\s_-]?key|credentials?|auth[a-z]*|bearer|token is)\b", re.IGNORECASE)
_SERVED = (*_ADDRESS, "entry")
# Why a call is not let through though its key may be well, in the words of providers and gateways.
_NOT_LET: tuple[tuple[re.Pattern[str], tuple[str, ...], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), names, fix)
    for pattern, names, fix in (
        (
            r"\baccess to (the |this )?model\b|\bmodel\b.{0,60}\b(gated|restricted|access denied)\b|must be verified",
            ("model", "entry"),
            "Ask the provider for access to this model, or correct {}",
        ),
        (
            r"\b(country|region|territory|location)\b.{0,40}\b(not|un)\W?(supported|available|allowed)"
            r"|\bnot (supported|available|allowed) (in|from) (your|this) (country|region|territory|location)",
            _SERVED,
            "Call from a country that the provider serves, or correct {}",
        ),
        (
            r"\b(billing|credits?|balance|payments?|purchase|overdue|arrear\w*|good standing)\b|\blimit exceeded",
            (),
            "Raise the quota or pay the bill at the provider, then resume",
        ),
        (
            r"\bhas not been used in project\b|\b(api|service)\b.{0,40}\b(disabled|not enabled)\b",
            (),
            "Enable the service for this account, as the endpoint says",
        ),
        (
            r"\b(firewall|virtual network|network settings|private endpoint|cloudflare|have been blocked)\b"
            r"|\bip\b.{0,60}\bnot\b|\bpublic access is disabled",
            _SERVED,
            "Have the endpoint admit this machine's network, or correct {}",
        ),
        (
            r"\bservice[_ ]tier\b",
            ("via", "entry"),
            "Ask at once instead of at the tier flex, or have the provider allow it",
        ),
    )
)
_PAY = _NOT_LET[2][2]
_OF_A_BATCH = re.compile(r"\bbatch(_expired)?\b|completion window")  # not asked in time, or not answered
_OF_A_MODEL = re.compile(r"\b(model|deployment)\b.*\b(not|no such|unknown|unsupported|exist)", re.IGNORECASE)
_ADAPT = "or let `harness models adapt` find what this model takes"
_MOST_READ = 1_000  # characters of a message


class Mend(NamedTuple):
    """Where to change what; `where` is empty where no file is to blame or its line is not known."""

    where: str
    do: str  # the first thing, as a sentence begins with it
    then: str = ""  # what follows it
    there: bool = False  # `do` ends with what stands in that place

    @property
    def fix(self) -> str:
        """What to do as a sentence."""
        return self._sentence("")

    @property
    def advice(self) -> str:
        """What to do as a sentence that names the place, such as `in prompts/v1.prompt.yml:4`."""
        return self._sentence("" if not self.where else f" in {self.where}" if self.there else f" ({self.where})")

    def _sentence(self, place: str) -> str:
        return f"{self.do}{place}{'; ' if self.then else ''}{self.then}."


def places_of(prompt: Prompt, model: str, project: Project) -> dict[str, str]:
    """Give file and line of what a message about a candidate may mean; paths are relative to the project."""
    entry = f"models.{model}"
    found: dict[str, str] = {}
    if project.path is not None:
        file = _shown(project.path, project.root)
        for key, line in project.lines.items():
            if key == entry:
                found["entry"] = f"{file}:{line}"
            elif key.startswith(f"{entry}."):
                found[key.removeprefix(f"{entry}.")] = f"{file}:{line}"
    if prompt.path is not None:
        file = _shown(prompt.path, project.root)
        found["prompt"] = file
        for key, line in prompt.lines.items():  # these win over the model's, as they do in a request
            if key.startswith("modelParameters."):
                found[f"params.{key.removeprefix('modelParameters.')}"] = f"{file}:{line}"
            elif key in {"responseFormat", "jsonSchema", "grammar"}:
                found[key] = f"{file}:{line}"
    # Leave out the places of what is not sent, and put those of `adapt.override` in their stead
    adapt = project.models[model].adapt if model in project.models else Adapt()
    limited = OUTPUT_LIMITS if any(name in OUTPUT_LIMITS for name in adapt.override) else ()
    dropped = [name for name in adapt.drop if name not in OUTPUT_LIMITS]  # a limit goes by another name
    unsent = {f"params.{name}" for name in (*dropped, *limited)}
    own = {f"params.{name}": found.get(f"adapt.override.{name}", found.get("adapt", "")) for name in adapt.override}
    return {name: where for name, where in found.items() if name not in unsent} | own


def _shown(path: Path, root: Path) -> str:
    inside = path.resolve().is_relative_to(root.resolve())
    return os.path.relpath(path.resolve(), root.resolve()) if inside else str(path)


def what_to_change(failure: Failure, places: Places, key_variable: str | None = None, *, run: str = "RUN") -> Mend:
    """Say what would mend a failure of a run, by its kind and by what its message names."""
    words, mend = failure.message[:_MOST_READ], None
    if "source" in places:
        mend = Mend("", f"Let the tool that wrote {places['source']} ask again, and judge what it stores then")
    elif "replies" in places and failure.kind not in {"render", "no_recorded_reply"}:
        mend = _at(places, ("replies",), "Record these trials again, or correct {}")
    elif failure.kind in {"unauthorized", "unknown_model"}:
        mend = _not_let(words, places)
    elif words.startswith("the reply has nothing at"):
        mend = _at(places, ("reply", "entry"), _CORRECT)
    elif failure.kind == "error_in_body" and _OF_A_BATCH.search(words):
        mend = _passing(failure.kind, places, run)
    if mend is not None:
        return mend
    match failure.kind:
        case "unauthorized":
            return _key(places, key_variable, sure=failure.status != 403)
        case "quota":
            return Mend("", _PAY)
        case "bad_request" | "error_in_body" | "too_large":
            return _request(failure, words, places, key_variable)
        case kind if kind in _AT:
            return _at(places, *_AT[kind])
        case kind:
            return _passing(kind, places, run)


def nobody_answers(failure: Failure, places: Places) -> Mend:
    """Say what would mend an endpoint that failed every call so far, retries included."""
    match failure.kind:
        case "proxy":
            return Mend("", "Correct the proxy's address, which the environment names")
        case "timeout" | "deadline" as kind:
            where = places.get(kind, places.get("entry", ""))
            return Mend(where, f"Start the server, or allow a longer `{kind}`", there=True)
        case "server_error" | "stream_cut" | "stream_stalled":
            return _at(places, (*_ADDRESS, "entry"), "Mend the server, or correct {}")
        case _:
            return _at(places, (*_ADDRESS, "entry"), "Start the server, or correct {}")


def _passing(kind: FailureKind, places: Places, run: str) -> Mend:
    again = f"`harness resume {run} --failed` sends just these again"
    if kind in {"timeout", "deadline"}:
        return Mend(places.get(kind, places.get("entry", "")), f"Allow a longer `{kind}`", again, there=True)
    if kind == "rate_limited":
        return Mend(places.get("limits", places.get("entry", "")), "Lower `limits`", again, there=True)
    return Mend("", f"When the endpoint is well, {again}")


def _request(failure: Failure, words: str, places: Places, key_variable: str | None) -> Mend:
    """Find what a refused request is about: a parameter that is named, else the key, the model, the path."""
    sent = {name.removeprefix("params."): where for name, where in places.items() if name[:7] == "params."}
    sent |= {name: places[name] for name in ("responseFormat", "jsonSchema") if name in places}
    if (name := first_named(words, sent)) is not None:
        where = sent[name]
        instead = _INSTEAD.search(words)
        if instead is not None and instead[1] != name:
            return Mend(where, f"Write `{instead[1]}` in place of `{name}`", _ADAPT, there=True)
        return Mend(where, f"Remove or change `{name}`", _ADAPT, there=True)
    if (mend := _not_let(words, places)) is not None or _OF_A_KEY.search(words):
        return mend or _key(places, key_variable)
    if _OF_A_MODEL.search(words):
        return _at(places, ("model", "entry"), _CORRECT)
    if failure.status in {404, 405} or failure.kind == "error_in_body":
        return _at(places, (*_ADDRESS, "entry"), _CORRECT)
    return Mend(places.get("entry", places.get("prompt", "")), "Change what is sent as the endpoint says")


def first_named(words: str, names: Iterable[str]) -> str | None:
    """Give the parameter that a message names first, of those that are sent."""
    found = [(at.start(), name) for name in names if (at := _word(name).search(words))]
    return min(found)[1] if found else None


def _word(name: str) -> re.Pattern[str]:
    """Match a parameter in a message, as in the file, with underscores or humps (xAI); no part of `doubao-seed-1`."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    humps = re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
    return re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(map(re.escape, (name, snake, humps)))})(?![A-Za-z0-9_-])")


def _not_let(words: str, places: Places) -> Mend | None:
    """Say what would mend a call that is refused for whose, whence or what it is; None where nothing says so."""
    found = next(((names, fix) for pattern, names, fix in _NOT_LET if pattern.search(words)), None)
    if found is None:
        return None
    names, fix = found
    return _at(places, names, fix) if names else Mend("", fix)


def _key(places: Places, variable: str | None, *, sure: bool = True) -> Mend:
    """Say what to do about a key; not `sure` where a refusal may have another reason than that there is none."""
    if variable:
        return Mend(places.get("api_key_env", ""), f"Check the variable {variable} and what its key may do")
    add = "`api_key_env`: the NAME of the variable that holds the key"
    if sure:
        return Mend(places.get("entry", ""), f"Add {add}")
    return Mend(places.get("entry", ""), "Do as the endpoint says", f"where it wants a key, add {add}")


def _at(places: Places, names: tuple[str, ...], fix: str) -> Mend:
    name = next((name for name in names if name in places), names[0])
    told = "the model's entry" if name == "entry" else f"`{name}`"
    return Mend(places.get(name, ""), fix.format(told), there=name != "entry" and fix.endswith("{}"))


def more_output(places: Places) -> Mend:
    """Say how replies get longer before they are cut."""
    name = next((name for name in OUTPUT_LIMITS if f"params.{name}" in places), "")
    if name:
        return Mend(places[f"params.{name}"], f"Raise `{name}`", there=True)
    return Mend(places.get("prompt", ""), "Allow longer replies (`max_tokens`), or ask for the label first")
