"""From comparisons and checks to one decision and one exit code."""

from __future__ import annotations

import pytest
from decided import asked, comparison, held, judged

from harness.errors import Exit
from harness.judge.compare import decide_prompts, exit_code, gate_reason, gate_status
from harness.judge.documents import Status


def status(*prompts: object) -> Status:
    return gate_status(decide_prompts(prompts, confidence=0.95))  # type: ignore[arg-type]


def test_everything_must_pass_and_anything_that_fails_blocks() -> None:
    assert status(judged()) == "PASS"
    assert status(judged(), judged(head=(held("accuracy >= 90%", "INCONCLUSIVE"),))) == "INCONCLUSIVE"
    assert status(judged(head=(held("accuracy >= 90%", "FAIL"),)), judged()) == "FAIL"
    assert status(judged(comparison=comparison(asked("accuracy", "INCONCLUSIVE")))) == "INCONCLUSIVE"
    assert status(judged(comparison=comparison(asked("accuracy", "FAIL", 0.001)))) == "FAIL"
    assert status() == "PASS"


def test_a_loss_among_many_prompts_must_be_certain_for_all_of_them_together() -> None:
    lost = judged(comparison=comparison(asked("accuracy", "FAIL", 0.02)))
    assert status(lost) == "FAIL"
    others = [judged(comparison=comparison(asked("accuracy", "PASS", 0.6))) for _ in range(9)]
    assert status(lost, *others) == "INCONCLUSIVE"  # Holm: 10 x .02 = .2
    doubtful, *_ = decide_prompts([lost, *others], confidence=0.95)
    assert doubtful.checks[-1].why.endswith(" Among all prompts of this gate one such loss may be chance (Holm).")
    surely = judged(comparison=comparison(asked("accuracy", "FAIL", 0.004)))
    assert status(surely, *others) == "FAIL"  # 10 x .004 = .04


def test_a_prompt_that_sends_the_same_is_not_judged() -> None:
    same = judged(same=True, head=(held("accuracy >= 90%", "FAIL"),))
    (prompt,) = decide_prompts([same], confidence=0.95)
    assert (prompt.kind, prompt.status, prompt.checks) == ("same", "PASS", ())
    assert gate_reason([prompt], "main") == (
        "no difference shown: the changed prompt sends the same requests as before."
    )


def test_a_new_prompt_has_only_its_thresholds() -> None:
    (prompt,) = decide_prompts([judged(comparison=None, base=())], confidence=0.95)
    assert (prompt.kind, [check.of for check in prompt.checks]) == ("new", ["threshold"])
    assert gate_reason([prompt], "main") == "the changed prompt is new, and every threshold is met."


def test_new_prompts_are_not_said_to_be_no_worse_than_before() -> None:
    new = judged(comparison=None, base=())
    assert gate_reason(decide_prompts([judged(), new], confidence=0.95), "main") == (
        "the changed prompt is no worse than before, 1 is new, and every threshold is met."
    )
    assert gate_reason(decide_prompts([judged(), judged(), new, new], confidence=0.95), "main") == (
        "2 changed prompts are no worse than before, 2 are new, and every threshold is met."
    )


def test_what_a_branch_changed_is_named_where_its_prompt_is_the_same() -> None:
    for changed, what in ((("model",), "model is"), (("prompt", "model"), "prompt and model are"), ((), "prompt is")):
        told = gate_reason(decide_prompts([judged(changed=changed)], confidence=0.95), "main")
        assert told == f"the changed {what} no worse than before, and every threshold is met."


def test_a_threshold_that_the_base_misses_too_fails_and_says_so() -> None:
    missed = held("accuracy >= 90%", "FAIL", why="Below 90%.")
    (prompt,) = decide_prompts([judged(head=(missed,), base=(missed,))], confidence=0.95)
    assert prompt.status == "FAIL"
    assert prompt.checks[0].why == "Below 90%. The base version misses it, too."


def test_a_failure_names_its_checks_and_the_broken_cases() -> None:
    worse = judged(comparison=comparison(asked("recall", "FAIL", 0.001, label="spam")))
    (prompt,) = decide_prompts([worse], confidence=0.95)
    assert prompt.headline == (
        "1 check of 2 failed: recall[spam] at most 2 points below baseline. 2 cases broken: c1 and c2."
    )
    assert gate_reason([prompt], "main") == f"v1 on m: {prompt.headline}"


def test_the_difference_tells_whether_it_is_a_gain_by_what_the_metric_wants() -> None:
    slow = judged(head=(held("latency.p95 <= 1 s", "PASS", name="latency.p95"), held("accuracy >= 80%", "PASS")))
    (prompt,) = decide_prompts([slow], confidence=0.95)
    assert [check.gain for check in prompt.checks[:2]] == [True, False]  # both are lower than before


def test_replies_of_another_day_say_nothing_of_latency() -> None:
    served = judged(reused=True, head=(held("latency.p95 <= 1 s", "PASS", name="latency.p95"),))
    (prompt,) = decide_prompts([served], confidence=0.95)
    assert prompt.comparison is not None
    assert [m.metric for m in prompt.comparison.metrics] == ["accuracy"]
    assert (prompt.checks[0].base, prompt.checks[0].difference) == (None, None)
    assert any("Latency is not compared" in note for note in prompt.comparison.notes)


@pytest.mark.parametrize(
    ("decision", "complete", "code"),
    [
        ("PASS", True, Exit.READY),
        ("FAIL", True, Exit.NOT_READY),
        ("INCONCLUSIVE", True, Exit.INCONCLUSIVE),
        ("FAIL", False, Exit.INCOMPLETE),
    ],
)
def test_each_decision_has_its_exit_code(decision: Status, complete: bool, code: Exit) -> None:
    assert exit_code(decision, complete=complete) == code
