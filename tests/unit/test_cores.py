"""Tasks are done by this process and others, and given in order, whoever did them and whatever happened to whom."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from harness.cores import beside, kept, shared, shared_out

HERE = f"__import__('os').getpid() == {os.getpid()}"


def wherever(number: int) -> str:
    return f"{number}"


def by_others(number: int) -> str:
    """Give a task that this process meets an error in."""
    return f"1 // 0 if {HERE} else {number}"


def after_others(number: int, flag: Path) -> str:
    """Give a task that this process ends after another process has begun one."""
    path, tick = f"__import__('pathlib').Path({str(flag)!r})", "__import__('time').sleep(0.01)"
    waited = f"any({path}.exists() or {tick} for _ in range(6_000))"
    return f"({waited} if {HERE} else {path}.touch(), {number}, __import__('os').getpid())[1:]"


@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_what_is_made_comes_in_the_order_of_the_tasks(cores: int, count: int) -> None:
    assert list(shared(eval, map(wherever, range(count)), cores)) == list(range(count))


def test_this_process_and_others_do_the_tasks(tmp_path: Path) -> None:
    with kept(pays=True):
        made = list(shared(eval, [after_others(n, tmp_path / "begun") for n in range(12)], 2))
    assert [number for number, _ in made] == list(range(12))
    (other,) = {pid for _, pid in made} - {os.getpid()}
    assert other > 0


@pytest.mark.parametrize("pays", [True, False])
def test_what_this_process_fails_in_is_not_made(*, pays: bool) -> None:
    with kept(pays):
        made = list(shared_out(eval, map(by_others, range(30)), 2))
    assert len(made) == 30
    assert all(each in {None, number} for number, each in enumerate(made))


def test_an_error_that_all_meet_is_met_where_it_was_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        list(shared(eval, ["1", "2", "1 // 0", "3"], 2))


def test_what_can_not_be_sent_back_is_made_here() -> None:
    made = list(shared(eval, ["(each for each in 'ab')"] * 8, 2))
    assert ["".join(each) for each in made] == ["ab"] * 8


@pytest.mark.parametrize("pays", [True, False])
def test_a_process_that_ends_leaves_its_tasks_to_this_one(*, pays: bool) -> None:
    tasks = [f"{n} if {HERE} else __import__('os')._exit(1)" for n in range(20)]
    with kept(pays):
        assert list(shared(eval, tasks, 3)) == list(range(20))


def test_an_error_in_finding_the_tasks_is_raised() -> None:
    def tasks() -> Iterator[str]:
        yield from map(wherever, range(9))
        raise LookupError("the tenth is nowhere")

    with pytest.raises(LookupError, match="the tenth"):
        list(shared(eval, tasks(), 2))


@pytest.mark.parametrize("executable", ["/bin/false", "/nowhere/python"])
def test_all_is_made_here_where_no_process_starts(monkeypatch: pytest.MonkeyPatch, executable: str) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    assert list(shared(eval, map(wherever, range(20)), 2)) == list(range(20))


def test_who_wants_no_more_waits_for_nothing() -> None:
    with closing(shared_out(eval, ["0", *[f"0 if {HERE} else __import__('time').sleep(600)"] * 50], 2)) as made:
        assert next(made) in {0, None}


def test_large_tasks_and_results_pass_both_ways_at_once() -> None:
    large = "x" * 3_000_000
    made = shared(len, [large[n:] for n in range(12)], 2)
    assert list(made) == [3_000_000 - n for n in range(12)]
    doubled = shared(eval, [f"'{large[:1_500_000]}' * 2 + '{n}'" for n in range(8)], 2)
    assert [each[-1] for each in doubled] == list("01234567")


def others(flag: Path) -> set[int]:
    """Give the processes other than this one that do a few tasks."""
    return {pid for _, pid in shared(eval, [after_others(n, flag) for n in range(12)], 2)} - {os.getpid()}


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system tells of processes otherwise")
def test_a_process_is_kept_for_what_comes_next_and_no_longer(tmp_path: Path) -> None:
    with kept(pays=True):
        first = others(tmp_path / "first")
        assert len(first) == 1
        assert all(map(is_alive, first))
        assert beside(True, others, tmp_path / "second").result() == first
    assert not any(map(is_alive, first))
    with kept(pays=False):
        assert not any(map(is_alive, others(tmp_path / "third")))


def test_a_process_that_ended_is_not_kept() -> None:
    with kept(pays=True):
        assert list(shared(eval, [f"0 if {HERE} else __import__('os')._exit(1)"] * 9, 2)) == [0] * 9
        assert list(shared(eval, map(wherever, range(9)), 2)) == list(range(9))


@pytest.mark.parametrize("pays", [True, False])
def test_an_error_of_what_is_made_beside_is_met_by_who_asks(*, pays: bool) -> None:
    made = beside(pays, eval, "1 // 0")
    with pytest.raises(ZeroDivisionError):
        made.result()
    assert beside(pays, len, "four").result() == 4
