"""The index of a journal: what filters find, what search finds, and reading on."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from run_of import case_row, record
from viewed import CANDIDATES, CASES, REPEATS, a_case, a_trial, events, manifest, write_run

from harness.errors import JournalDamaged
from harness.journal import JournalWriter
from harness.judge.table.read import tabulate
from harness.record import Event
from harness.rundir import JOURNAL, read_manifest
from harness.web.index import CaseFilter, IndexReader, RunIndex, select
from harness.web.index.texts import LONGEST, ReplyTexts, folded_text

V1 = CaseFilter(candidate="v1@mini")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> RunIndex:
    folder = write_run(tmp_path_factory.mktemp("results"), judge=False)
    return IndexReader(folder / JOURNAL, read_manifest(folder)).read_on()


def found(index: RunIndex, **wanted: object) -> list[str]:
    rows = select(index, replace(V1, **wanted)).cases  # type: ignore[arg-type]
    return [index.cases.ids[row] for row in rows.tolist()]


def cases(*numbers: int) -> list[str]:
    return [a_case(number).id for number in numbers]


def test_every_trial_and_case_is_indexed(index: RunIndex) -> None:
    assert (len(index.trials), len(index.cases)) == (CASES * REPEATS * len(CANDIDATES), CASES)


def test_results_are_told_apart(index: RunIndex) -> None:
    assert found(index, right="never") == cases(0, 3, 10, 20, 30, 40, 50)
    assert found(index, right="sometimes") == cases(1, 2, 11, 21, 31, 41, 51)
    assert len(found(index, right="always")) == 46
    assert found(index, candidate="v2@mini", right="never") == []


def test_outcomes_labels_splits_and_tags_filter_together(index: RunIndex) -> None:
    assert found(index, outcome="unparseable") == cases(3)
    assert found(index, outcome="failed") == cases(2)
    assert len(found(index, expected="spam")) == 20
    assert found(index, expected="spam", read_as="ham") == cases(0, 21, 30, 51)
    assert len(found(index, split="dev", tag="short")) == 15
    assert found(index, split="holdout", tag="short") == []


def test_flipped_cases_were_answered_in_more_than_one_way(index: RunIndex) -> None:
    assert found(index, flipped=True) == cases(1, 2, 11, 21, 31, 41, 51)
    assert found(index, candidate="v2@mini", flipped=True) == []


def test_slow_cases_are_the_slowest_twentieth(index: RunIndex) -> None:
    assert found(index, slow=True) == cases(57, 58, 59)  # 100 + n ms: the 95% point lies above case 56


def test_orders_sort_all_matching_cases(index: RunIndex) -> None:
    assert found(index, order="slowest")[:3] == cases(59, 58, 57)
    assert found(index, order="fastest")[:2] == cases(0, 1)  # case 2 failed once, and took 102 ms otherwise
    assert found(index, order="wrong")[:8] == cases(0, 3, 10, 20, 30, 40, 50, 1)
    assert found(index, order="id") == sorted(cases(*range(CASES)))


def test_search_looks_into_ids_inputs_and_replies_in_any_case(index: RunIndex) -> None:
    assert found(index, search="a PRIZE") == cases(7)
    assert found(index, search="case-04") == cases(*range(40, 50))
    assert found(index, search="@octocat") == cases(3)
    assert found(index, search="no answer within") == cases(2)
    assert found(index, search="nowhere at all") == []


def test_a_name_that_the_run_lacks_is_an_error_not_an_empty_table(index: RunIndex) -> None:
    for wanted in ({"candidate": "v3@mini"}, {"split": "test"}, {"read_as": "eggs"}, {"variant": "typos"}):
        with pytest.raises(KeyError):
            found(index, **wanted)


def test_the_index_agrees_with_the_judges_table(index: RunIndex) -> None:
    table = tabulate(manifest(), events())
    for place, name in enumerate(CANDIDATES):
        trials = table.trials[name]
        right = int((trials.predicted == trials.expected).sum())
        rows = index.rows_of(place, 0)
        answers = index.trials.answer[rows]
        assert int((answers == index.cases.expected[index.trials.case[rows]]).sum()) == right
        assert sorted(index.trials.caller_ns[rows].tolist()) == sorted(trials.caller_ns.tolist())


def grown(folder: Path, events: list[Event]) -> None:
    writer = JournalWriter.reopen(folder / JOURNAL, folder.name)
    for event in events:
        writer.append(event)
    writer.close()


def test_a_journal_that_grew_is_read_on_as_if_read_at_once(tmp_path: Path) -> None:
    everything = list(events())
    folder = write_run(tmp_path, journal=everything[:150], judge=False)
    reader = IndexReader(folder / JOURNAL, read_manifest(folder))
    first = reader.read_on()
    grown(folder, everything[150:])
    second = reader.read_on()
    whole = IndexReader(folder / JOURNAL, read_manifest(folder)).read_on()
    assert len(first.trials) == 150 - 61  # a session and the cases come first
    for name in ("case", "answer", "offset", "reply", "caller_ns"):
        np.testing.assert_array_equal(getattr(second.trials, name), getattr(whole.trials, name))
    for phrase in ("prize", "octocat", "no answer", "spam"):
        wanted = replace(V1, search=phrase)
        assert select(second, wanted).cases.tolist() == select(whole, wanted).cases.tolist()


def test_a_half_written_last_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    everything = list(events())
    folder = write_run(tmp_path, journal=everything, judge=False)
    journal = folder / JOURNAL
    whole = journal.read_bytes()
    start = whole[:-1].rfind(b"\n", 0, whole[:-1].rfind(b"\n")) + 1  # of the last trial
    journal.write_bytes(whole[: start + 40])
    reader = IndexReader(journal, read_manifest(folder))
    assert len(reader.read_on().trials) == 359
    journal.write_bytes(whole)
    assert len(reader.read_on().trials) == 360


def test_damage_is_named_not_skipped(tmp_path: Path) -> None:
    folder = write_run(tmp_path, judge=False)
    journal = folder / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[100] = lines[100].replace(b"mini", b"maxi")
    journal.write_bytes(b"".join(lines))
    with pytest.raises(JournalDamaged, match="line 101"):
        IndexReader(journal, read_manifest(folder)).read_on()


def test_of_a_trial_measured_again_the_last_counts(tmp_path: Path) -> None:
    again = msgspec.structs.replace(a_trial(0, 0, "v1@mini"), outcome=a_trial(0, 0, "v2@mini").outcome)
    folder = write_run(tmp_path, journal=[*events(), again], judge=False)
    index = IndexReader(folder / JOURNAL, read_manifest(folder)).read_on()
    assert len(index.trials) == CASES * REPEATS * len(CANDIDATES)
    assert found(index, right="sometimes")[0] == cases(0)[0]


def test_warm_up_calls_are_not_cases(tmp_path: Path) -> None:
    warm = record("c", "spam", candidate="v1@mini", warmup=True)
    folder = write_run(tmp_path, journal=[case_row("c", "spam"), warm], judge=False)
    assert len(IndexReader(folder / JOURNAL, read_manifest(folder)).read_on().trials) == 0


def test_search_equals_a_plain_search_of_each_text() -> None:
    draw = random.Random(5)
    texts = ["".join(draw.choices("abcAB ßé\n", k=draw.randrange(12))) for _ in range(400)]
    made = ReplyTexts([folded_text(text) for text in texts[:250]])
    made = ReplyTexts([folded_text(text) for text in texts[250:]], made)
    for phrase in ("a", "ab", "ba a", "SS", "É", "b\nc", "", "zz", "a" * 20):
        plain = [" ".join(phrase.casefold().split()) in " ".join(text.casefold().split()) for text in texts]
        assert made.matching(phrase).tolist() == plain, phrase


def test_only_the_beginning_of_a_long_text_is_searched() -> None:
    texts = ReplyTexts([folded_text("x" * LONGEST + " needle"), folded_text("x" * (LONGEST - 7) + " needle")])
    assert texts.matching("needle").tolist() == [False, True]
