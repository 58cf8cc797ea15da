"""What gives a case away, with both texts; equal texts in any number are linked, not multiplied."""

from __future__ import annotations

from typing import Any

from harness.judge.leakage.find import find_leaks, label_words, meeting
from harness.judge.table.cases import case_columns
from harness.judge.table.columns import CaseColumns
from harness.record import CaseRow

LABELS = ("spam", "ham")
WON = "You have won a free cruise for two, call now to claim your prize"
LUNCH = "Are we still having lunch on Thursday at the usual place?"


def columns(*rows: tuple[str, str, str]) -> CaseColumns:
    made = [
        CaseRow(id=f"c{i:04d}", digest="", expected=expected, split=split, inputs={"m": text})
        for i, (text, expected, split) in enumerate(rows)
    ]
    return case_columns(made, {label: place for place, label in enumerate(LABELS)})


def found(cases: CaseColumns, **prompt: Any) -> list[tuple[str, str, str]]:
    return [(f.kind, f.case, f.other) for f in find_leaks(prompt, cases, LABELS).findings]


def test_a_case_in_running_text_over_a_line_break_is_quoted() -> None:
    content = "Such as you have won a FREE cruise for\ntwo call now to claim your prize. Are we still?"
    cases = columns((WON, "spam", ""), (LUNCH, "ham", ""))
    leaks = find_leaks({"messages": [{"role": "system", "content": content}]}, cases, LABELS)
    (finding,) = leaks.findings
    assert (finding.kind, finding.case, finding.other, finding.similarity) == (
        "quoted_in_prompt",
        "c0000",
        "system message 1",
        1.0,
    )
    assert finding.other_text == "you have won a free cruise for two call now to claim your prize"


def test_a_thousand_equal_texts_make_a_finding_each_and_every_holdout_copy_leaks() -> None:
    cases = columns(*[(WON, "spam", "holdout")] * 500, *[(WON, "spam", "dev")] * 500, (LUNCH, "ham", "dev"))
    leaks = find_leaks({}, cases, LABELS)
    assert leaks.cases == frozenset(range(500))
    assert {f.other for f in leaks.findings if f.kind == "dev_in_holdout"} == {"c0500"}
    assert len(leaks.findings) < 2_000


def test_a_copy_with_another_label_is_a_conflict_and_no_leak() -> None:
    cases = columns((WON, "spam", ""), (WON.upper(), "ham", ""))
    assert found(cases) == [("conflicting_labels", "c0001", "c0000")]
    assert find_leaks({}, cases, LABELS).cases == frozenset()


def test_label_words_are_counted_in_their_own_cases_and_in_the_others() -> None:
    cases = columns(("this is SPAM!", "spam", ""), ("spam? ham", "ham", ""), ("spammy ham", "ham", ""))
    told = [
        (w.label, w.own, w.of_own, w.others, w.of_others)
        for w in label_words(cases, LABELS, meeting([], cases, LABELS))
    ]
    assert told == [("spam", 1, 1, 1, 2), ("ham", 2, 2, 0, 1)]


def test_many_texts_of_one_template_are_each_found_to_be_like_another() -> None:
    text = "Dear {}, your order {} has been shipped and will arrive within three working days. Thank you."
    cases = columns(*[(text.format(f"n{i:x}", i * 7919), "ham", "") for i in range(1_200)])
    named = {name for f in find_leaks({}, cases, LABELS).findings for name in (f.case, f.other)}
    assert named == set(cases.ids)


def test_of_too_many_texts_those_of_the_prompt_are_compared_with_all_and_equal_ones_are_found() -> None:
    words = [chr(97 + n) * 3 + "lpha" for n in range(12)]
    texts = [" ".join(words[(n + k * (n % 5 + 1)) % 12] for k in range(10)) + f" {n}" for n in range(40)]
    copy = texts[7].replace("7", "7!").upper()
    cases = columns(*((text, "spam", "") for text in [*texts, texts[3]]))
    prompt = {"examples": [{"message": copy, "label": "spam"}]}
    few = find_leaks(prompt, cases, ("spam", "ham"), meeting([prompt], cases, most_paired=5))
    assert {(f.kind, f.case) for f in few.findings} >= {("example_in_cases", "c0007"), ("duplicate", "c0040")}
    everything = find_leaks(prompt, cases, ("spam", "ham"), meeting([prompt], cases))
    assert {f.case for f in few.findings if f.kind == "example_in_cases"} == {
        f.case for f in everything.findings if f.kind == "example_in_cases"
    }
    none = find_leaks({}, cases, ("spam", "ham"), meeting([{}], cases, most_paired=5))
    assert [(f.kind, f.case) for f in none.findings] == [("duplicate", "c0040")]
