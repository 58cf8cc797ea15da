"""Why a reply has no label: the reasons, and each in words."""

from typing import Literal, NamedTuple, TypeAlias

Flaw: TypeAlias = Literal["no_document", "broken_document", "several_documents", "doubled_key", "no_value"]
Reason: TypeAlias = Literal[
    "no_name",  # mention: no label is named
    "several_labels",  # mention: two labels or more are named
    "negated",  # mention: a label is named, but denied
    "other_text",  # exact, or the text that json or regex found: it is not a name alone
    Flaw,
    "not_a_text",  # json: the value is null, a list or an object
    "no_match",  # regex: the pattern does not match, or its group took no part
    "thought",  # it ends inside a thought, in which no label is read
    "tool_call",  # it calls a tool, and the rule reads texts
    "no_tool",  # from: tool; it is a text
    "error",  # it ended by an error: its partial text is not read
    "too_long",  # regex: too long for the pattern
    "several_texts",  # regex: matches say different things, not all of them labels
    "cut_name",  # the cut could hide the rest of a longer name
    "empty",
    "refused",
    "failed",
]
_WORDS: dict[Reason, str] = {
    "no_name": "no label in it",
    "several_labels": "{count} labels: {labels}",
    "negated": "it denies a label: {labels}",
    "other_text": "it is not one label alone",
    "no_document": "no JSON document in it",
    "broken_document": "its JSON is broken",
    "several_documents": "several JSON documents in it",
    "doubled_key": "its JSON has the key of the label twice",
    "no_value": "its JSON has nothing at the pointer",
    "not_a_text": "the value at the pointer is no text, number or boolean",
    "no_match": "the pattern matches nothing",
    "thought": "it ends inside a thought",
    "tool_call": "it is a tool call, which `reply: {{as: json, from: tool}}` in the suite would read",
    "no_tool": "it calls no tool, and the suite reads tool calls",
    "error": "it ended by an error of the endpoint",
    "too_long": "it is too long for the pattern",
    "several_texts": "the pattern's matches say different things",
    "cut_name": "it was cut where a longer label could go on: {labels}",
    "empty": "it is empty",
    "refused": "the model refused",
    "failed": "there is no reply",
}


class Why(NamedTuple):
    """Why a trial has no label: the reason, and the labels that it is about."""

    reason: Reason
    labels: tuple[str, ...] = ()


def why_told(why: Why) -> str:
    """Give a reason in words: `2 labels are named: spam, ham`."""
    return _WORDS[why.reason].format(count=len(why.labels), labels=", ".join(why.labels))
