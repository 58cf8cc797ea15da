"""What is allowed and yet is seldom meant: told by `harness check`, a sentence each."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.files.case import KNOWN, Case, CaseReader
from harness.files.prompts import Prompt, templates, variables
from harness.files.written import shortlist, shown

_MISSING = frozenset({"nan", "none", "null", "n/a", "#n/a", "<na>", "nat", "undefined", "#ref!", "#value!"})
_MEANT = {
    **{name: name for name in KNOWN},
    **{"tag": "tags", "slice": "tags", "splits": "split", "fold": "split", "subset": "split"},
}
_JINJA = re.compile(r"\{[%#].*?[%#]\}|\{\{[^{}]*[^\w\s{}-][^{}]*\}\}", re.DOTALL)
_MOST = 12  # notes of one kind


def notes_on(reader: CaseReader, cases: Sequence[Case], prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """Say what the cases hold that a reader of their files should know, and what the prompts make of it."""
    used = frozenset[str]().union(*(variables(prompt) for prompt in prompts))
    names = sorted({name for case in cases for name in case.inputs})
    misnamed = {name: _MEANT[low] for name in names if (low := name.strip().casefold()) in _MEANT}
    return (
        *_respelt(reader.expected.respelt),
        *(
            f"{shown(str(file))}: {_cases(count)} with text in a column without a name, which is left out."
            for file, count in reader.nameless.items()
        ),
        *(
            f"the column `{shown(name)}` is an input; if it is `{meant}`, write `columns: {{{meant}: {shown(name)}}}`."
            for name, meant in misnamed.items()
            if name not in used
        ),
        *_odd_inputs(cases, used & set(names)),
        *_unused([name for name in names if name not in used and name not in misnamed], prompts),
        *(sentence for prompt in prompts for sentence in _sent_as_text(prompt)),
    )


def _respelt(counts: Counter[tuple[str, str]]) -> Iterator[str]:
    for (written, label), count in counts.most_common(_MOST):
        line = f"values: {{expected: {{{json.dumps(written)}: {shown(label)}}}}}"
        yield (
            f"`{shown(written)}` is read as the label `{shown(label)}`{_in_form(written, label)}, "
            f"in {_cases(count)}; to write it down: `{line}`."
        )
    if len(counts) > _MOST:
        yield f"{len(counts) - _MOST:,} more spellings are read as labels."


def _in_form(written: str, label: str) -> str:
    """Say what the eye can't see: that two texts differ in how Unicode writes their accents."""
    forms = [
        next((form for form in ("NFC", "NFD") if unicodedata.is_normalized(form, text)), "mixed")
        for text in (written, label)
    ]
    return f" (in Unicode's form {forms[0]}, the label is in {forms[1]})" if forms[0] != forms[1] else ""


def _odd_inputs(cases: Sequence[Case], used: frozenset[str]) -> Iterator[str]:
    for name in sorted(used):
        empty = [case.id for case in cases if not case.inputs.get(name, "").strip()]
        if empty:
            yield f"`{shown(name)}` is empty in {_cases(len(empty))}, first in `{shown(empty[0])}`."
        odd = [case for case in cases if case.inputs.get(name, "").strip().casefold() in _MISSING]
        if odd:
            said = " or ".join(dict.fromkeys(f"`{shown(case.inputs[name])}`" for case in odd))
            yield (
                f"`{shown(name)}` is the text {said} in {_cases(len(odd))}, first in `{shown(odd[0].id)}`: "
                "it is sent as any other."
            )


def _unused(names: Sequence[str], prompts: Sequence[Prompt]) -> Iterator[str]:
    if names and prompts:
        verb = "is a column" if len(names) == 1 else "are columns"
        yield f"{shortlist(names)} {verb} that no prompt uses."


def _sent_as_text(prompt: Prompt) -> Iterator[str]:
    """Tell of what would mean something to Jinja in a prompt of GitHub's."""
    if prompt.template != "github":
        return
    for _, source in templates(prompt):
        for found in list(dict.fromkeys(_JINJA.findall(source)))[:3]:
            yield (
                f"prompt {shown(prompt.name)}: `{shown(found)}` is sent as text, as GitHub does; "
                "with `template: jinja` it is Jinja."
            )


def _cases(count: int) -> str:
    return f"{count:,} case{'' if count == 1 else 's'}"
