"""Files of other tools, written in the manner of each tool's own examples, and what its own rules make of replies.

`passes` were worked by hand from the rules in each tool's source: which of the replies, one a case in the file's
order, it lets pass.
"""

# ruff: noqa: E501 - files are read a line each

from __future__ import annotations

import json
from typing import NamedTuple

from workbooks import SHEET, workbook


class Foreign(NamedTuple):
    """Files by name, the one to import, the replies to its cases, how many pass, and what must be told."""

    files: dict[str, str | bytes]
    source: str
    replies: list[str]
    passes: int
    told: list[str] = []
    options: list[str] = []


_TEXT = '<c r="{0}" t="inlineStr"><is><t>{1}</t></is></c>'
TESTS_SHEET = (
    SHEET.partition("<sheetData>")[0]
    + "<sheetData>"
    + "".join(
        f'<row r="{n}">{_TEXT.format(f"A{n}", a)}{_TEXT.format(f"B{n}", b)}</row>'
        for n, (a, b) in enumerate(
            [("message", "__expected"), ("win", "icontains: spam"), ("hi", "icontains: ham")], start=1
        )
    )
    + "</sheetData></worksheet>"
)


def _lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


_ASK = "prompts: ['Is it spam or ham? {{message}}']\nproviders: [openai:gpt-4.1-mini]\n"
_SYSTEM = {"role": "system", "content": "Answer TRUE or FALSE. Write no braces: {{ }} {% x %}."}
_UNSURE = "it says spam, not ham"

FOREIGN: dict[str, Foreign] = {
    "promptfoo equals through defaultTest": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "defaultTest:\n  assert:\n    - type: equals\n      value: '{{label}}'\n"
            "tests:\n  - vars: {message: win, label: spam}\n  - vars: {message: hi, label: ham}\n  - vars: {message: yo, label: ham}\n"
        )},
        "promptfooconfig.yaml", ["spam", "Ham", "ham."], 1,
    ),
    "promptfoo icontains, with what is not carried": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "tests:\n"
            "  - vars: {message: win}\n    assert: [{type: icontains, value: spam}, {type: llm-rubric, value: is short}]\n"
            "  - vars: {message: hi}\n    assert: [{type: icontains, value: ham}, {type: not-contains, value: spam}]\n"
            "  - vars: {message: yo}\n    assert: [{type: icontains, value: ham}]\n"
        )},
        "promptfooconfig.yaml", ["It is SPAM!", "hamster", "spam"], 2,
        ["promptfooconfig.yaml:4: assert: `llm-rubric` says no label.", "promptfooconfig.yaml:6: assert: `not-contains` says no label.",
         "a reply that holds two labels passes `icontains` there; here it is no label."],
    ),
    "promptfoo contains-any with other words for a label": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "tests:\n"
            "  - vars: {message: win}\n    assert: [{type: contains-any, value: [spam, junk]}]\n"
            "  - vars: {message: hi}\n    assert: [{type: contains-any, value: 'ham, fine'}]\n"
            "  - vars: {message: yo}\n    assert: [{type: contains-any, value: [spam, junk]}]\n"
        )},
        "promptfooconfig.yaml", ["clearly junk", "all is fine", "JUNK"], 2,
    ),
    "promptfoo javascript on a field, chat prompt in JSON": Foreign(
        {"promptfooconfig.json": json.dumps({
            "prompts": ["file://prompts/chat.json"],
            "providers": [{"id": "openai:chat:gpt-4.1-mini", "config": {"temperature": 0, "response_format": {"type": "json_object"}}}],
            "defaultTest": {"assert": [{"type": "is-json"}, {"type": "javascript", "value": "output.label === context.vars.expected"}]},
            "tests": [{"vars": {"text": "a \U0001f600", "expected": "billing"}}, {"vars": {"text": "b", "expected": "shipping"}}, {"vars": {"text": "c", "expected": "shipping"}}],
        }, indent="\t"),
         "prompts/chat.json": json.dumps([{"role": "system", "content": "Route it. Answer in JSON."}, {"role": "user", "content": "{{text}}"}])},
        "promptfooconfig.json", ['{"label": "billing"}', '{"label": "billing"}', '{"label": "shipping", "why": "late"}'], 2,
        ["`is-json` demands a form, and fixes no field's value."],
    ),
    "promptfoo is-json that fixes a field": Foreign(
        {"promptfooconfig.yaml": _ASK + "tests:\n" + "".join(
            f"  - vars: {{message: m{i}}}\n    assert:\n      - type: is-json\n        value: {{type: object, required: [verdict], properties: {{verdict: {{const: {label}}}}}}}\n"
            for i, label in enumerate(["spam", "ham"])
        )},
        "promptfooconfig.yaml", ['{"verdict": "spam"}', '{"verdict": "spam"}'], 1,
    ),
    "promptfoo regex between anchors": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "tests:\n"
            "  - vars: {message: win}\n    assert: [{type: regex, value: '^\\s*(spam|junk)\\b'}]\n"
            "  - vars: {message: hi}\n    assert: [{type: regex, value: '^\\s*ham\\b'}]\n"
            "  - vars: {message: yo}\n    assert: [{type: regex, value: '^\\s*ham\\b'}]\n"
            "  - vars: {message: no}\n    assert: [{type: regex, value: '[0-9]+ ham'}]\n"
        )},
        "promptfooconfig.yaml", ["  junk, sure", "ham, as I said", "the ham"], 2,
        ["promptfooconfig.yaml:10: assert: the pattern `[0-9]+ ham` is more than names of a label."],
    ),
    "promptfoo starts-with": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "tests:\n"
            "  - vars: {message: win}\n    assert: [{type: starts-with, value: spam}]\n"
            "  - vars: {message: hi}\n    assert: [{type: starts-with, value: ham}]\n"
            "  - vars: {message: yo}\n    assert: [{type: starts-with, value: ham}]\n"
        )},
        "promptfooconfig.yaml", ["spam: an advert", "It is ham", "hamlet"], 2,
    ),
    "promptfoo CSV with __expected": Foreign(
        {"promptfooconfig.yaml": _ASK + "tests: file://tests.csv\n",
         "tests.csv": "message,__expected,__description,__metadata:tags\nwin,icontains: spam,first,short\nhi,icontains: ham,second,\nyo,\"javascript: output.length < 5\",third,\n"},
        "promptfooconfig.yaml", ["SPAM", "no idea"], 1,
        ["tests.csv:4: assert: JavaScript is not run: `output.length < 5`.", "the case is left out: nothing says which label it expects."],
    ),
    "promptfoo tests alone, bare cells": Foreign(
        {"tests.csv": "text,__expected\nwin,spam\nhi,ham\n\"a, b\",ham\n"},
        "tests.csv", ["spam", "ham", "spam"], 2,
    ),
    "promptfoo JSONL and YAML of tests, repeats": Foreign(
        {"promptfooconfig.yaml": _ASK + "tests: [file://a.jsonl, b.yaml]\nevaluateOptions: {repeat: 2, maxConcurrency: 4, showProgressBar: false}\n",
         "a.jsonl": _lines({"vars": {"message": "win"}, "assert": [{"type": "equals", "value": "spam"}]}, {"vars": {"message": "hi"}, "assert": [{"type": "equals", "value": "ham"}]}),
         "b.yaml": "- vars: {message: [yo, hey]}\n  assert: [{type: equals, value: ham}]\n"},
        "promptfooconfig.yaml", ["spam", "ham", "ham", "spam"], 3,
        ["evaluateOptions.showProgressBar: is not carried."],
    ),
    "promptfoo Nunjucks": Foreign(
        {"promptfooconfig.yaml": (
            "prompts:\n  - file://p.txt\nproviders: [anthropic:messages:claude-haiku-4-5, 'exec:./bot.sh']\n"
            "defaultTest: {vars: {tone: plain}, assert: [{type: javascript, value: output.trim().toLowerCase() === context.vars.item.gold.toLowerCase()}]}\n"
            "tests:\n  - vars: {item: {text: win, gold: Spam}}\n  - vars: {item: {text: hi, gold: ham}, tone: short}\n"
        ),
         "p.txt": "{# for people #}Classify{% if tone === 'short' %} in a word{% endif %}:\n{{ item.text | dump }}{{ hint }}\n---\nSpam or ham? {{item.text}}\n"},
        "promptfooconfig.yaml", [" spam\n", "Ham"], 2,
        ["the provider `exec:./bot.sh` has no counterpart"],
    ),
    "promptfoo in a spreadsheet": Foreign(
        {"tests.xlsx": workbook(("Tests", TESTS_SHEET))},
        "tests.xlsx", ["It is SPAM", "eggs"], 1, [], ["--name", "mail"],
    ),
    "promptfoo prompts of every form": Foreign(
        {"promptfooconfig.yaml": (
            "prompts:\n  - prompts/*.txt\n  - {id: 'file://chat.yaml', label: A chat}\n  - {raw: 'Spam or ham? {{message}}', label: raw}\n  - file://make.py:ask\n  - file://parts.json\n  - '[INST] {{message}} [/INST]'\n"
            "defaultTest: file://default.yaml\nassertionTemplates: {right: {type: javascript, value: \"output == context.vars['gold']\"}}\n"
            "scenarios:\n  - config: [{vars: {message: win, gold: spam}}, {vars: {message: hi, gold: ham}}]\n    tests: [{description: as asked}]\n"
        ),
         "default.yaml": "assert: [{$ref: '#/assertionTemplates/right', weight: 2}]\n",
         "prompts/a.txt": "One: {{message}}\r\n---\r\nTwo: {{message}}\r\n", "prompts/b.txt": "Three: {{message}}",
         "chat.yaml": "- role: system\n  content: Be brief.\n- role: user\n  content: '{{message}}'\n",
         "parts.json": json.dumps([{"role": "user", "content": [{"type": "image_url"}]}])},
        "promptfooconfig.yaml", ["spam", "Ham"], 1,
        ["`file://make.py:ask` is code, and is not run", "parts.json:1: the prompt `parts` is not carried: its messages are not all texts", "assert.weight: is not carried."],
    ),
    "promptfoo's scenarios in files, and sets of assertions": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "scenarios:\n  - file://scenarios.yaml\n  - {config: [file://rows.yaml], tests: file://tests.yaml}\n"
         ),
         "scenarios.yaml": "- config: [{vars: {message: win}}]\n  tests: [{assert: [{type: assert-set, assert: [{type: equals, value: spam}, {type: is-json}]}]}]\n",
         "rows.yaml": "- vars: {gold: ham, message: hi}\n- vars: {gold: ham, message: bye}\n",
         "tests.yaml": "- assert: [{type: equals, value: '{{gold}}'}]\n"},
        "promptfooconfig.yaml", ["spam", "ham", "Ham"], 2, ["assert: `is-json` demands a form"],
    ),
    "promptfoo replies that code transforms, and a variable that is a picture": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "defaultTest: {options: {transform: output.trim().toLowerCase()}}\n"
            "tests:\n  - {vars: {message: [win, file://a.png]}, assert: [{type: equals, value: spam}]}\n"
            "  - {vars: {message: hi}, assert: [{type: equals, value: ham, transform: output.label}]}\n"
        )},
        "promptfooconfig.yaml", ["It is Spam.", "HAM"], 2,
        ["options.transform: is not carried", "assert.transform: is not carried", "the case is left out: `file://a.png` is not read."],
    ),
    "promptfoo tests cut by semicolons": Foreign(
        {"tests.csv": "message;__expected1;__expected2\nwin;equals: spam;\nhi, you;equals: ham;latency(500)\n"},
        "tests.csv", ["spam", "no ham"], 1, ["promptfoo tests, 2 cases"],
    ),
    "chat examples to tune a model with": Foreign(
        {"train.jsonl": "".join(
            json.dumps({"messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": text}, {"role": "assistant", "content": label}]}) + "\n"
            for text, label in (("win", "spam"), ("hi", "ham"), ("bye", "ham"))
        )},
        "train.jsonl", ["spam", "It is ham", "spam"], 2, ["chat examples, 3 cases"],
    ),
    "rows of a page of the Hugging Face viewer": Foreign(
        {"rows.json": json.dumps({"features": [{"name": "text"}], "rows": [{"row": {"text": "win this now", "label": "spam"}}, {"row": {"text": "hi to you all", "label": "ham"}}]}, indent=1)},
        "rows.json", ["spam", "ham"], 2, ["label: the column `row.label`; text: `row.text`"],
    ),
    "promptfoo assertions without weight, and a case that takes two labels": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "defaultTest:\n  assert:\n    - {type: javascript, value: \"output === 'spam'\", metric: share, weight: 0}\n    - {type: equals, value: '{{gold}}'}\n"
            "tests:\n  - {vars: {message: so, gold: ''}, assert: [{type: contains-any, value: [spam, ham]}]}\n"
            "  - {vars: {message: win, gold: spam}}\n  - {vars: {message: hi, gold: ham}}\n"
        )},
        "promptfooconfig.yaml", ["spam", "spam"], 1,
        ["`javascript` has no weight, and passes whatever the reply is.", "the case is left out: `spam` or `ham` passes"],
    ),
    "JSON rows of which one lacks a text": Foreign(
        {"a.jsonl": "".join(json.dumps(row) + "\n" for row in (
            {"subject": "win this prize now", "body": "and all that you can find inside of it", "label": "spam"}, {"subject": "hello to all of you", "label": "ham"},
        ))},
        "a.jsonl", ["spam", "ham"], 2, ["text: `subject`, `body`"],
    ),
    "no header that could be told": Foreign(
        {"d.csv": "so sad today,negative\nvery bad thing,negative\nmeh ok then,neutral\n".replace("so", "Win money,positive\nso")},
        "d.csv", ["negative", "negative", "neutral"], 3, ["if it is a row, write one above it that names the columns, such as `text,label`"],
    ),
    "promptfoo's limits become thresholds": Foreign(
        {"promptfooconfig.yaml": _ASK + (
            "defaultTest:\n  assert: [{type: latency, threshold: 1500}, {type: cost, threshold: 0.002}]\n"
            "tests:\n  - {vars: {message: win}, assert: [{type: equals, value: spam}]}\n  - {vars: {message: hi}, assert: [{type: equals, value: ham}]}\n"
        )},
        "promptfooconfig.yaml", ["spam", "ham"], 2,
        ["`latency` of each call is now the suite's p95."],
    ),
    "OpenAI evals Match": Foreign(
        {"registry/evals/spam.yaml": "spam:\n  id: spam.dev.v0\n  metrics: [accuracy]\nspam.dev.v0:\n  class: evals.elsuite.basic.match:Match\n  args:\n    samples_jsonl: spam/samples.jsonl\n",
         "registry/data/spam/samples.jsonl": _lines(*(
             {"input": [_SYSTEM, {"role": "user", "content": text}], "ideal": ideal} for text, ideal in (("win", "TRUE"), ("hi", "FALSE"), ("yo", ["FALSE", "NO"]))))},
        "registry/evals/spam.yaml", ["TRUE, it is", "It is FALSE", "NO"], 2,
    ),
    "OpenAI evals Includes, few shots": Foreign(
        {"evals/intent.yml": "intent.test.v1:\n  class: evals.elsuite.basic.includes:Includes\n  args: {samples_jsonl: i.jsonl, ignore_case: true, num_few_shot: 1, few_shot_jsonl: shots.jsonl, max_tokens: 9}\n",
         "data/i.jsonl": _lines({"input": [{"role": "user", "content": "refund"}], "ideal": "billing"}, {"input": [{"role": "user", "content": "late"}], "ideal": "shipping"}),
         "data/shots.jsonl": _lines({"sample": [{"role": "user", "content": "invoice"}, {"role": "assistant", "content": "billing"}]})},
        "evals/intent.yml", ["I think Billing", "none"], 1, ["intent.test.v1.args.max_tokens: is not carried."],
    ),
    "OpenAI evals samples alone": Foreign(
        {"samples.jsonl": _lines({"input": "win", "ideal": "spam"}, {"input": "hi", "ideal": "ham"})},
        "samples.jsonl", ["spam", "ham"], 2, ["nothing in the file says how a reply is read"],
    ),
    "OpenAI evals JsonMatch": Foreign(
        {"evals/j.yaml": "j.dev.v0:\n  class: evals.elsuite.basic.json_match:JsonMatch\n  args: {samples_jsonl: j.jsonl}\n",
         "data/j.jsonl": _lines({"input": "win", "ideal": '{"label": "spam"}'}, {"input": "hi", "ideal": '{"label": "ham"}'})},
        "evals/j.yaml", ['{"label": "spam"}', '{"label": "spam"}'], 1,
    ),
    ".prompt.yml with a name that holds a dash": Foreign(
        {"triage.prompt.yml": (
            "name: triage\ndescription: Routes mail.\nmodel: openai/gpt-4o-mini\nmessages:\n  - {role: system, content: 'bug or idea? {# kept #}'}\n  - {role: user, content: '{{user-input}}'}\n"
            "testData:\n  - {user-input: it broke, expected: bug}\n  - {user-input: add this, expected: idea}\n  - {user-input: crash, expected: bug}\n"
            "evaluators:\n  - {name: right, string: {startsWith: '{{expected}}'}}\n  - {name: like, uses: github/similarity}\n"
        )},
        "triage.prompt.yml", ["Bug: crash", "an idea", "buggy"], 2, ["`like` is not carried: it is judged by a model."],
    ),
    "DeepEval goldens": Foreign(
        {"goldens.json": json.dumps([
            {"input": "win", "actual_output": "spam", "expected_output": "spam", "context": ["mail"], "name": "a"},
            {"input": "hi", "actual_output": None, "expected_output": "ham", "context": None, "name": "b"}])},
        "goldens.json", ["spam", "Ham."], 2, ["actual_output: is not carried (replies are judged by `harness judge`)."],
    ),
    "DeepEval goldens in CSV": Foreign(
        {"goldens.csv": "input,actual_output,expected_output,context\nwin,,spam,a|b\nhi,,ham,\n"},
        "goldens.csv", ["spam", "spam"], 1, ["goldens.csv:2: context: is not carried."],
    ),
    "Inspect samples": Foreign(
        {"samples.jsonl": _lines(
            {"id": 1, "input": "win", "target": " spam ", "metadata": {"tags": ["short"], "source": "x"}},
            {"id": 2, "input": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "target": "ham"},
            {"id": 3, "input": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "yo"}], "target": "ham"})},
        "samples.jsonl", ["spam", "ham"], 2,
        ["samples.jsonl:3: input: the case is left out: its messages are 2", "metadata.source: is not carried."],
    ),
    "Inspect samples with choices": Foreign(
        {"mc.json": json.dumps([{"input": "2+2?", "choices": ["3", "4"], "target": "B"}, {"input": "1+1?", "choices": ["2", "5"], "target": "A"}])},
        "mc.json", ["B", "B"], 1,
    ),
    "UCI: tab, no header, no suffix": Foreign(
        {"SMSSpamCollection": "ham\tsee you \"then\nspam\twin a prize now\nham\tlunch at noon?\n"},
        "SMSSpamCollection", ["ham", "spam", "spam"], 2, ["the file has no header"],
    ),
    "Kaggle: latin-1, empty columns": Foreign(
        {"spam.csv": "v1,v2,,,\r\nspam,win \xa3 100,,,\r\nham,\"a, b\",,,\r\nham,c,\"and more\",,\r\n".encode("latin-1")},
        "spam.csv", ["spam", "ham", "ham"], 3, ["encoding: cp1252", "spam.csv:4: text in a column without a name is not carried."],
    ),
    "AG News: no header, ids from 1": Foreign(
        {"test.csv": "".join(f'"{i}","Title {i} here","What {i} is all about"\n' for i in (4, 1, 3, 2, 1)), "classes.txt": "World\nSports\nBusiness\nSci/Tech\n"},
        "test.csv", ["Sci/Tech", "World", "Sports", "Sports", "world"], 4, ["names of the label ids: classes.txt"], ["--name", "news"],
    ),
    "tweet_eval: labels beside": Foreign(
        {"test_text.txt": "ugh, no\nyay!\nso so\n", "test_labels.txt": "0\n1\n0\n", "mapping.txt": "0\tnegative\n1\tpositive\n"},
        "test_text.txt", ["negative", "positive", "positive"], 2, ["the labels are the lines of test_labels.txt"], ["--name", "tweets"],
    ),
    "texts, labels in a file of any name": Foreign(
        {"mails.txt": "win, now\nhi; you\n", "gold.txt": "spam\nham\n"},
        "mails.txt", ["spam", "spam"], 1, ["the labels are the lines of gold.txt"], ["--expected", "gold.txt"],
    ),
    "banking77: names in a list": Foreign(
        {"test.csv": "text,category\nwhere is my card,0\nlost it,1\nmy card?,0\n", "categories.json": '["card_arrival", "lost_card"]'},
        "test.csv", ["card_arrival", "lost_card", "lost_card"], 2, [], ["--names", "categories.json", "--name", "banking"],
    ),
    "a spreadsheet": Foreign(
        {"cases.xlsx": workbook(("Cases", SHEET.format("expected")))},
        "cases.xlsx", ["1", "2", "1"], 2, ["the labels are numbers"], ["--name", "sheet"],
    ),
    "JSON rows, columns asked for": Foreign(
        {"tickets.json": '[{"ticket": 7, "body": "refund please", "queue": "billing", "lang": "en"}, {"ticket": 8, "body": "where is it", "queue": "shipping", "lang": "en"}]'},
        "tickets.json", ["billing", "billing"], 1, [], ["--expected", "queue", "--text", "body"],
    ),
    "Langfuse data set items": Foreign(
        {"items.json": json.dumps([
            {"id": f"i{n}", "datasetId": "cmb1x2y3z0000k8l2h4n5p6q7", "input": {"message": f"where is it {n}"}, "expectedOutput": label,
             "createdAt": f"2026-11-0{n}T10:00:00.000Z"} for n, label in ((1, "billing"), (2, "shipping"), (3, "billing"))])},
        "items.json", ["billing", "billing", "billing"], 2, ["label: the column `expectedOutput`; text: `input.message` ("],
    ),
    "LangSmith examples": Foreign(
        {"examples.jsonl": _lines(*({"inputs": {"message": text}, "outputs": {"label": label}, "metadata": {"dataset_split": ["base"]}}
                                    for text, label in (("win a prize", "spam"), ("see you soon", "ham"), ("win more", "spam"))))},
        "examples.jsonl", ["spam", "ham", "ham"], 2, ["label: the column `outputs.label`; text: `inputs.message` ("],
    ),
}  # fmt: skip
