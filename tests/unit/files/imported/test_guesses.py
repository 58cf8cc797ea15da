"""Data sets: what a file does not say of itself is guessed from its data."""

# ruff: noqa: E501 - tables stand here as they were written

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import FilesError
from harness.files.imported import Hints, read_foreign

TABLES = [  # content, the label of each row, the texts
    ("text,label\nwin,spam\nhi,ham\n", ["spam", "ham"], ["text"]),
    ("id;Betreff;Kategorie\n1;Wo ist mein Paket?;Versand\n2;Rechnung falsch;Zahlung\n3;Noch kein Paket;Versand\n", ["Versand", "Zahlung", "Versand"], ["Betreff"]),
    ("sentence|sentiment\nvery good film|pos\nbad film|neg\n", ["pos", "neg"], ["sentence"]),
    ("title,body,topic_label\nA title here now,the whole body of it,a\nAnother title,a body of it again,b\nThird title here,x y z a b c d,a\n", ["a", "b", "a"], ["title", "body"]),
    ("good,I like it very much\nbad,I do not like it\ngood,It is all fine here\n", ["good", "bad", "good"], ["text"]),
    ("split,text,y\ntest,aaa bbb,0\ndev,ccc ddd,1\ntest,eee fff,0\n", ["0", "1", "0"], ["text"]),
    ("﻿label,text\nSpam,win\nspam,hi\nham,yo\n", ["Spam", "Spam", "ham"], ["text"]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "labels", "texts"), TABLES)
def test_label_and_text_are_found(tmp_path: Path, content: str, labels: list[str], texts: list[str]) -> None:
    from harness.files.imported.draft import settle

    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    draft = read_foreign(str(tmp_path / "a.csv"), Hints())
    assert [case["expected"] for case in settle(draft).cases] == labels
    prompt = draft.prompts["v1"]
    assert isinstance(prompt, dict)
    assert prompt["messages"][1]["content"] == "\n\n".join(f"{{{{ {name} }}}}" for name in texts)
    assert any(said.startswith("label: the column") for said in draft.told)


def test_a_split_stays_a_split_and_ids_stay_ids(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,fold,text,label\nx1,dev,aa,spam\nx2,holdout,bb,ham\n")
    draft = read_foreign(str(tmp_path / "a.csv"), Hints())
    assert [row.known for row in draft.rows] == [{"id": "x1", "split": "dev"}, {"id": "x2", "split": "holdout"}]
    assert [row.inputs for row in draft.rows] == [{"text": "aa"}, {"text": "bb"}]


@pytest.mark.parametrize(
    ("header", "second", "known", "inputs"),
    [
        ("Message-ID", "M2", {"id": "M1"}, {"text": "aa"}),
        ("ticketId", "M2", {"id": "M1"}, {"text": "aa"}),
        ("user_id", "M1", {}, {"text": "aa", "user_id": "M1"}),  # stands twice: it names no row
        ("user_id", "", {}, {"text": "aa", "user_id": "M1"}),
        ("paid", "M2", {}, {"text": "aa", "paid": "M1"}),
    ],
)
def test_a_column_of_ids_that_are_all_its_rows_own_names_the_cases(
    tmp_path: Path, header: str, second: str, known: dict[str, str], inputs: dict[str, str]
) -> None:
    (tmp_path / "a.csv").write_text(f"{header},text,label\nM1,aa,spam\n{second},bb,ham\n")
    draft = read_foreign(str(tmp_path / "a.csv"), Hints())
    assert (draft.rows[0].known, draft.rows[0].inputs) == (known, inputs)
    assert (f"id: `{header}`" in draft.told[-1]) == bool(known)


def test_rows_without_a_label_or_a_text_are_left_out_and_told(tmp_path: Path) -> None:
    from harness.files.imported.draft import settle

    (tmp_path / "a.csv").write_text("text,label\nwin,spam\n,ham\nhi,\nyo,ham\n")
    draft = read_foreign(str(tmp_path / "a.csv"), Hints())
    assert [case["id"] for case in settle(draft).cases] == ["a-2", "a-5"]
    assert [(left.line, left.message) for left in draft.left] == [
        (3, "the case is left out: it has no text."),
        (4, "the case is left out: nothing says which label it expects."),
    ]


def test_a_table_in_which_nothing_looks_like_a_label_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"the text number {i} is here and is long,{i}.5\n" for i in range(20))
    (tmp_path / "a.csv").write_text("text,price\n" + rows)
    with pytest.raises(
        FilesError, match=r"no column looks like the label: `text`, `price`\. Name it with --expected\."
    ):
        read_foreign(str(tmp_path / "a.csv"), Hints())
