"""What is wrong with a file of results is told with its name, its place and what to do; nothing is kept of it."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import stored_elsewhere as stored
from commanded import in_process
from stored_elsewhere import ANSWERS, document, lines

Case = tuple[Path, tuple[str, ...], tuple[str, ...]]  # a file, options, what is said of it


def _text(at: Path, name: str, text: str) -> Path:
    (at / name).write_text(text, encoding="utf-8")
    return at / name


def _zip(at: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(at / "x.eval", "w", compression=method) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return at / "x.eval"


HEAD = json.dumps(stored.inspect_head(40)).encode()


def no_file(at: Path) -> Case:
    return at / "gone.json", (), ("gone.json: cannot be read: no such file",)


def empty(at: Path) -> Case:
    return _text(at, "e.json", "[]"), (), ("holds no rows",)


def cut_off(at: Path) -> Case:
    whole = json.dumps(stored.promptfoo([stored.promptfoo_row(0, ANSWERS[0])]), indent=1)
    return _text(at, "c.json", whole[:-200]), (), ("c.json: is not valid JSON", "at line")


def torn_line(at: Path) -> Case:
    file = lines(at / "t.jsonl", stored.openai_evals(ANSWERS[:4]))
    file.write_text(file.read_text() + '{"run_id": "2')
    return file, (), ("t.jsonl:11: is not valid JSON",)


def deep(at: Path) -> Case:
    return _text(at, "d.json", '{"results": {"results": ' + "[" * 100_000 + "]" * 100_000 + "}}"), (), ("too deeply",)


def no_label(at: Path) -> Case:
    rows = [stored.promptfoo_row(n, answer) for n, answer in enumerate(ANSWERS)]
    rows[7]["testCase"]["assert"] = [{"type": "llm-rubric", "value": "is polite"}]
    said = ("results.results[7].testCase.assert: no assertion says which label", "--expected with one of `message`")
    return document(at / "p.json", stored.promptfoo(rows)), (), said


def contradiction(at: Path) -> Case:
    rows = [stored.promptfoo_row(n, answer) for n, answer in enumerate(ANSWERS)]
    rows[1]["vars"] = rows[1]["testCase"]["vars"] = rows[0]["vars"]
    return document(at / "p.json", stored.promptfoo(rows)), (), ("is expected to be 'ham' and 'spam'",)


def two_right(at: Path) -> Case:
    samples = [stored.inspect_sample(answer) for answer in ANSWERS[:4]]
    samples[0]["target"] = ["ham", "spam"]
    samples[1]["target"] = ["spam", "ham"]
    return document(at / "l.json", {**stored.inspect_head(4), "samples": samples}), (), ("takes `spam` and others",)


def one_label(at: Path) -> Case:
    return _text(at, "o.csv", "expected,reply\na,a\na,a\n"), (), ("name the other labels", "--labels A,B")


def head_alone(at: Path) -> Case:
    return document(at / "h.json", stored.inspect_head(4)), (), ("is the head of a log, without samples",)


def twice_in_an_epoch(at: Path) -> Case:
    samples = [stored.inspect_sample(answer) for answer in (*ANSWERS[:2], ANSWERS[0])]
    return document(at / "l.json", {**stored.inspect_head(3), "samples": samples}), (), ("samples[2]: is sample m0",)


def apart_and_gone(at: Path) -> Case:
    sample = stored.inspect_sample(ANSWERS[0], input="attachment://nowhere")
    said = ("`attachment://nowhere` in a place that is not there",)
    return document(at / "l.json", {**stored.inspect_head(1), "samples": [sample]}), (), said


def leads_out(at: Path) -> Case:
    name = "samples/../../../etc/m0_epoch_1.json"
    return _zip(at, {"header.json": HEAD, name: b"{}"}), (), ("x.eval: the member `samples/../", "leads out")


def bomb(at: Path) -> Case:
    with zipfile.ZipFile(at / "x.eval", "w", compression=zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("header.json", HEAD)
        with packed.open("samples/a_epoch_1.json", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(b" " * (1 << 20))
    assert (at / "x.eval").stat().st_size < 1 << 20
    return at / "x.eval", (), ("unpacks to more than can be read",)


def other_packing(at: Path) -> Case:
    return _zip(at, {"header.json": HEAD}, zipfile.ZIP_BZIP2), (), ("packed in a way that no log is",)


def damaged_archive(at: Path) -> Case:
    file = _zip(at, {"header.json": HEAD, "samples/m0_epoch_1.json": json.dumps({"id": 1}).encode()})
    raw = bytearray(file.read_bytes())
    raw[45:60] = b"\xff" * 15
    file.write_bytes(raw)
    return file, (), ("is a damaged archive",)


def other_archive(at: Path) -> Case:
    return _zip(at, {"word/document.xml": b"<x/>"}), (), ("is an archive, but no log of Inspect",)


def other_database(at: Path) -> Case:
    made = sqlite3.connect(at / "o.db")
    made.execute("CREATE TABLE people (name TEXT)")
    made.commit()
    made.close()
    return at / "o.db", (), ("is a database, but not promptfoo's",)


def endless_view(at: Path) -> Case:
    """Put a view in place of a table: it would run its own query, for ever."""
    made = sqlite3.connect(at / "v.db")
    made.execute(
        "CREATE VIEW evals AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS id, i AS created_at, '' AS description, '{}' AS config, '{}' AS results FROM n"
    )
    made.commit()
    made.close()
    return at / "v.db", (), ("not promptfoo's",)


def torn_database(at: Path) -> Case:
    file = stored.promptfoo_database(at / "promptfoo.db", {"e": [stored.promptfoo_row(0, ANSWERS[0])]})
    file.write_bytes(file.read_bytes()[:5000])
    return file, (), ("promptfoo.db: can't be read as a database",)


def written_to(at: Path) -> Case:
    file = stored.promptfoo_database(at / "promptfoo.db", {"e": [stored.promptfoo_row(0, ANSWERS[0])]})
    (at / "promptfoo.db-wal").write_bytes(b"more")
    return file, (), ("is still being written", "wal_checkpoint")


def other_eval(at: Path) -> Case:
    file = stored.promptfoo_database(at / "promptfoo.db", {"e1": [stored.promptfoo_row(0, ANSWERS[0])]})
    return file, ("--part", "e2"), ("has no eval `e2`", "e1")


def two_filters(at: Path) -> Case:
    rows = [stored.lm_eval_text(0, ANSWERS[0], name, "ham") for name in ("strict-match", "flexible")]
    return lines(at / "samples_x.jsonl", rows), (), ("each of 2 filters", "--part flexible")


def no_match(at: Path) -> Case:
    rows = [
        row for row in stored.openai_evals(ANSWERS) if row.get("sample_id") != "spam.dev.3" or row["type"] != "match"
    ]
    return lines(at / "r.jsonl", rows), (), ("the sample spam.dev.3 has no `match`",)


def unknown_columns(at: Path) -> Case:
    said = ("which column holds what would be right", "--expected with one of `a`, `b`")
    return _text(at, "u.csv", "a,b\nx,y\n"), (), said


def one_column_for_both(at: Path) -> Case:
    return _text(at, "u.csv", "text,label\nx,a\ny,b\n"), (), ("which column holds what would be right",)


def unit_unknown(at: Path) -> Case:
    file = _text(at, "l.csv", "expected,reply,took\na,a,12\nb,b,13\n")
    return file, ("--latency", "took"), ("does not tell the unit of `took`", "--latency took:ms")


def no_time(at: Path) -> Case:
    file = _text(at, "l.csv", "expected,reply,latency_ms\na,a,12\nb,b,-3\nb,b,inf\n")
    return file, (), ("l.csv:3: latency_ms: is no time: `-3`", "l.csv:4: latency_ms: is no time: `inf`")


def right_ones_as_replies(at: Path) -> Case:
    file = _text(at, "s.csv", "expected,reply\na,b\nb,a\n")
    return (
        file,
        ("--reply", "expected", "--expected", "expected"),
        ("one column `expected` for --expected and --reply",),
    )


def nobody_answered(at: Path) -> Case:
    file = _text(at, "n.csv", "expected,reply,model\na,a,one\nb,b,\n")
    return file, (), ("n.csv:3: model: does not say which candidate answered", "--candidate NAME")


def two_right_in_a_table(at: Path) -> Case:
    file = _text(at, "t.csv", "expected,reply,model,case\na,a,one,1\nb,b,two,1\n")
    return file, (), ("case '1' is expected to be 'a' and 'b'", "--case COLUMN")


def candidates_without_cases(at: Path) -> Case:
    file = _text(at, "t.csv", "text,expected,reply,model\nx,a,a,one\ny,b,b,one\ny,b,b,two\nx,a,a,two\n")
    return (
        file,
        (),
        ("of several candidates, and does not tell which are to the same case", "--case with one of `text`"),
    )


def broken_pattern(at: Path) -> Case:
    file = _text(at, "p.csv", "expected,reply\na,a\nb,b\n")
    return file, ("--as", "regex:("), ("--as: `(` is not a regular expression",)


def a_pipe(at: Path) -> Case:
    os.mkfifo(at / "pipe.csv")
    return at / "pipe.csv", (), ("pipe.csv: is a pipe", "Write it to a file first")


def repeat_twice(at: Path) -> Case:
    file = _text(at, "r.csv", "case,repeat,expected,reply\n1,0,a,a\n1,0,a,b\n2,0,b,b\n")
    return file, (), ("r.csv:3: repeat: case 1 has the repeat 0 twice (first on line 2)",)


def unlabelled_row(at: Path) -> Case:
    return _text(at, "x.csv", "expected,reply\na,a\n,b\nb,b\n"), (), ("x.csv:3: expected: is not there, or empty",)


def not_its_option(at: Path) -> Case:
    file = document(at / "d.json", stored.deepeval(ANSWERS))
    return file, ("--reply", "actualOutput"), ("is a file of DeepEval: `--reply` says nothing of that",)


def no_such_rule(at: Path) -> Case:
    return document(at / "d.json", stored.deepeval(ANSWERS)), ("--as", "fuzzy"), ("--as is none of",)


def no_such_positive(at: Path) -> Case:
    said = ("--positive junk is none of its labels: ham and spam",)
    return document(at / "d.json", stored.deepeval(ANSWERS)), ("--positive", "junk"), said


def a_folder(at: Path) -> Case:
    (at / "logs").mkdir()
    _text(at, "logs/a.eval", "")
    return at / "logs", (), ("logs: is a folder. Name a file of it: `a.eval`.",)


def a_label_in_another_case(at: Path) -> Case:
    said = ("--labels Spam is its label spam in another case. Leave it out.",)
    return document(at / "d.json", stored.deepeval(ANSWERS)), ("--labels", "junk,Spam"), said


def texts(at: Path) -> Case:
    rows = "".join(f"answer no. {n},that\n" for n in range(1500))
    return _text(at, "t.csv", f"expected,reply\n{rows}"), (), ("1,500 different right answers",)


def an_object(at: Path) -> Case:
    file = _text(at, "t.jsonl", '{"expected": {"label": "a"}, "output": "a"}\n')
    return file, (), ("t.jsonl:1: expected: is an object, not a label. Write --expected expected.NAME with", "`label`")


def a_document_twice(at: Path) -> Case:
    rows = [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS[:4])]
    return lines(at / "s.jsonl", [*rows, rows[1]]), (), ("s.jsonl:5: doc_id: is document 1 again (first on line 2)",)


def several_right_choices(at: Path) -> Case:
    rows = [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS[:4])]
    rows[2]["target"] = "[0, 1]"
    return lines(at / "s.jsonl", rows), (), ("s.jsonl:3: target: names several right choices: a label is one.",)


def odds_that_are_no_numbers(at: Path) -> Case:
    rows = [stored.lm_eval_choice(n, answer) for n, answer in enumerate(ANSWERS[:4])]
    rows[0]["filtered_resps"][0] = ["nan", "False"]
    return lines(at / "s.jsonl", rows), (), ("s.jsonl:1: filtered_resps: holds log-probabilities by which no choice",)


def odds_of_one_text(at: Path) -> Case:
    rows = [{"doc_id": n, "target": "x", "filtered_resps": [[-1.0, True]], "filter": "none"} for n in range(3)]
    return lines(at / "s.jsonl", rows), (), ("s.jsonl:1: filtered_resps: holds log-probabilities by which no choice",)


def a_long_text(at: Path) -> Case:
    file = _text(at, "t.csv", f"expected,reply\na,a\n{'b' * 600},b\n")
    return file, (), ("t.csv: 2: its right answer is longer than 200 characters: a text, and no label.",)


def a_long_choice(at: Path) -> Case:
    rows = [stored.lm_eval_choice(n, answer, ("ham", "spam", "b" * 600)) for n, answer in enumerate(ANSWERS)]
    return lines(at / "s.jsonl", rows), (), ("s.jsonl: has a choice of more than 200 characters",)


def stripped_replies(at: Path) -> Case:
    rows = [stored.promptfoo_row(n, answer) for n, answer in enumerate(ANSWERS)]
    for row in rows:
        row["response"]["output"] = "[output stripped]"
    said = ("o.json: keeps no replies.", "without PROMPTFOO_STRIP_RESPONSE_OUTPUT")
    return document(at / "o.json", stored.promptfoo(rows)), (), said


def stripped_variables(at: Path) -> Case:
    rows = [stored.promptfoo_row(n, (case, "spam", reply)) for n, (case, _, reply) in enumerate(ANSWERS)]
    for row in rows:
        row["vars"] = {}
        del row["testCase"]["vars"]
    said = ("results.results[0].testCase.vars: is not there, nor a description", "PROMPTFOO_STRIP_TEST_VARS")
    return document(at / "o.json", stored.promptfoo(rows)), ("--labels", "ham"), said


def a_list_without_a_target(at: Path) -> Case:
    rows = [stored.lm_eval_text(n, answer, "none", answer[2]) for n, answer in enumerate(ANSWERS)]
    rows[7]["target"] = ""
    return document(at / "s.jsonl", rows), (), ("s.jsonl: doc_id 7: target: is not there, or empty",)


BROKEN = [
    no_file, empty, cut_off, torn_line, deep, no_label, contradiction, two_right, one_label, head_alone,
    twice_in_an_epoch, apart_and_gone, leads_out, bomb, other_packing, damaged_archive, other_archive, other_database,
    endless_view, torn_database, written_to, other_eval, two_filters, no_match, unknown_columns, one_column_for_both,
    unit_unknown, no_time, repeat_twice, unlabelled_row, not_its_option, no_such_rule, no_such_positive, texts,
    right_ones_as_replies, nobody_answered, two_right_in_a_table, candidates_without_cases, broken_pattern, a_pipe,
    a_folder, a_label_in_another_case, a_long_choice, a_long_text, stripped_replies, stripped_variables,
    a_list_without_a_target,
    an_object, a_document_twice, several_right_choices, odds_that_are_no_numbers, odds_of_one_text,
]  # fmt: skip


@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_broken_file_is_refused_by_name_and_nothing_is_kept(make: Callable[[Path], Case], tmp_path: Path) -> None:
    file, options, said = make(tmp_path)
    done = in_process("judge", file.name, *options, at=tmp_path)
    assert done.returncode == 2, done.stderr
    told = " ".join(done.stderr.split())
    assert file.name in told
    for words in said:
        assert words in told
    assert not (tmp_path / "results").exists()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python 3.14 unpacks zstd by itself; 3.13 runs it")
def test_without_what_unpacks_zstd_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [stored.inspect_sample(answer) for answer in ANSWERS]
    stored.inspect_archive(tmp_path / "z.eval", stored.inspect_head(40), samples, 93)
    monkeypatch.setitem(sys.modules, "backports.zstd.zipfile", None)  # as where it is not installed
    done = in_process("judge", "z.eval", at=tmp_path)
    assert done.returncode == 2
    assert "z.eval: the member `" in done.stderr
    assert "'backports" in done.stderr


def test_a_file_in_the_place_of_the_results_is_to_be_renamed(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("mine")
    (tmp_path / "t.csv").write_text("expected,reply\na,a\nb,b\n")
    done = in_process("judge", "t.csv", at=tmp_path)
    assert (done.returncode, "Rename that file" in done.stderr) == (2, True)
    assert (tmp_path / "results").read_text() == "mine"
