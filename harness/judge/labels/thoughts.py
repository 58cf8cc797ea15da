"""The part of a reply that is an answer: what a model thinks aloud before it is never read as one.

Reasoning models mark their thoughts in the text itself where their server does not take them out, each
family with its own marks. A thought ends where its own mark closes it; what follows is the answer. A block
that never closes hides the rest of the reply, because any label in it is a thought. A closing mark without an
opening one (chat templates open the block inside the prompt) makes all before it a thought.

One tag may stand doubled (`<think><think>`, where the template wrote the first), and blocks may be nested.
Text outside the blocks is the answer, in its order.
"""

import re
from typing import NamedTuple

# Each: a name, what opens a thought, what closes it. Tags in angle brackets may have blanks and attributes.
_TAGS = (
    r"think(?:ing)?|thoughts?|thought_process|reason(?:ing)?|reflection|scratch_?pad|inner_monologue|"
    r"(?:ant|mm|seed|internal)[:_]?think(?:ing)?|chain_of_thought|cot"
)
_GAP = r"[ \t]{0,3}"
_MARK = re.compile(
    rf"<{_GAP}(?P<close>/?){_GAP}(?P<tag>{_TAGS})(?:[ \t][^<>\n]{{0,200}})?>"
    rf"|<\|{_GAP}(?P<pipe>begin|end|start|/)?[ \t_]{{0,3}}(?:of_)?(?P<word>thought|thinking|think){_GAP}\|>"
    rf"|\u25c1{_GAP}(?P<kimi>/?){_GAP}think{_GAP}\u25b7"
    rf"|\[{_GAP}(?P<mistral>/?){_GAP}THINK(?:ING)?{_GAP}\]",
    re.IGNORECASE,
)
_ESCAPED = re.compile(rf"&lt;(/?{_GAP}(?:{_TAGS}){_GAP})&gt;", re.IGNORECASE)

# gpt-oss: `<|channel|>analysis<|message|>..<|end|><|start|>assistant<|channel|>final<|message|>spam`
_CHANNEL = re.compile(
    r"<\|channel\|>[ \t]{0,3}(\w{0,40})[^<]{0,200}(?:<\|constrain\|>[^<]{0,200})?<\|message\|>", re.IGNORECASE
)
_CHANNEL_BEGUN = re.compile(r"<\|channel\|>", re.IGNORECASE)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>", re.IGNORECASE)
# The same where a server took the special tokens out: `analysisIs it spam?assistantfinalham`.
_LEAKED = re.compile(r"\s*(?:analysis|commentary)(?=[A-Z\"'])")
_LEAKED_FINAL = re.compile(r"assistant\s?final")

# Words in place of marks: IBM's Granite, ServiceNow's Apriel.
_SPOKEN = (
    (
        re.compile(r"\s*here(?:'s| is) my thought process:?", re.IGNORECASE),
        re.compile(r"here(?:'s| is) my response:?", re.IGNORECASE),
    ),
    (
        re.compile(r"\s*here are my reasoning steps:?", re.IGNORECASE),
        re.compile(r"\[BEGIN FINAL RESPONSE\]", re.IGNORECASE),
    ),
)
_FIRST_LETTERS = "achH"  # of `_LEAKED` and `_SPOKEN`
_LEFT_OVER = re.compile(
    r"<\|(?:begin_of_solution|end_of_solution|START_RESPONSE|END_RESPONSE)\|>|\[END FINAL RESPONSE\]", re.IGNORECASE
)


class BareAnswer(NamedTuple):
    """What is left of a reply without its thoughts."""

    text: str
    thought: bool  # whether there was a block of thoughts
    hidden: bool  # whether a block never closed, so that what is left is no answer


def answer_of(text: str) -> BareAnswer:
    """Take the thoughts out of a reply; a reply without a mark comes back as it is."""
    if "&" in text:
        text = _ESCAPED.sub(r"<\1>", text)
    marked = "<" in text or "[" in text or "\u25c1" in text  # looked at first: most replies have none
    if marked and _CHANNEL_BEGUN.search(text):
        # Keep what was said in the channel `final`
        heads = list(_CHANNEL.finditer(text))
        parts: list[str] = []
        for head in heads:
            if head[1].casefold() == "final":
                end = _CHANNEL_END.search(text, head.end())
                parts.append(text[head.end() : end.start() if end else len(text)])
        return BareAnswer("".join(parts), thought=True, hidden=not parts)
    spoken = text.lstrip()[:1] in _FIRST_LETTERS
    if spoken and _LEAKED.match(text):
        _, *rest = _LEAKED_FINAL.split(text)
        return BareAnswer(rest[-1] if rest else "", thought=True, hidden=not rest)
    for opens, closes in _SPOKEN if spoken else ():
        if opens.match(text):
            found = closes.search(text)
            after = "" if found is None else _LEFT_OVER.sub("", text[found.end() :])
            return BareAnswer(after, thought=True, hidden=found is None)
    return _of_blocks(text) if marked else BareAnswer(text, thought=False, hidden=False)


def _of_blocks(text: str) -> BareAnswer:
    """Keep what stands outside all blocks."""
    kept: list[str] = []
    open_: list[str] = []
    at, opened_at = 0, -1
    thought = False
    for mark in _MARK.finditer(text):
        thought = True
        family, closes = _family(mark)
        if not closes:
            if not open_:
                kept.append(text[at : mark.start()])
            doubled = open_ and open_[-1] == family and not text[opened_at : mark.start()].strip()
            if not doubled:
                open_.append(family)
            opened_at = mark.end()
        elif not open_:
            kept.clear()  # its opening mark was written by the prompt: all before it was a thought
        elif family in open_:
            while open_.pop() != family:
                pass
        at = mark.end()
    if open_:
        return BareAnswer("", thought=True, hidden=True)
    kept.append(text[at:])
    answer = "".join(kept)
    return BareAnswer(_LEFT_OVER.sub("", answer) if thought else answer, thought=thought, hidden=False)


def _family(mark: re.Match[str]) -> tuple[str, bool]:
    """Give which marks belong together, and whether this one closes."""
    if mark["tag"] is not None:
        return mark["tag"].casefold(), bool(mark["close"])
    if mark["word"] is not None:
        return f"|{mark['word'].casefold()}", (mark["pipe"] or "").casefold() in ("end", "/")
    if mark["kimi"] is not None:
        return "kimi", bool(mark["kimi"])
    return "mistral", bool(mark["mistral"])
