"""When places are asked: a clock of the test's own."""

from __future__ import annotations

import random

from orderhub.connector import Poll
from orderhub.intake.polling.messages import Use
from orderhub.intake.polling.schedule import LONGEST_BACK_OFF, Schedule


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def use(flow: str, *, seconds: float = 10, host: str = "", **settings: object) -> Use:
    return Use(
        flow=flow,
        connector="place",
        settings=dict(settings),
        stream="orders",
        poll=Poll(seconds=seconds, host=host),
    )


def schedule(clock: Clock, *uses: Use, per_side: int = 2) -> Schedule:
    made = Schedule(clock=clock, chance=random.Random(7).random, per_side=per_side)
    made.set_uses({one.flow: one for one in uses})
    return made


def names(taken: list[Use]) -> list[str]:
    return [one.flow for one in taken]


def test_a_few_places_are_asked_at_once_and_then_in_their_own_time() -> None:
    clock = Clock()
    made = schedule(clock, use("often", seconds=10), use("rarely", seconds=100))
    clock.now += 0.1
    assert sorted(names(made.take(10))) == ["often", "rarely"]
    made.answered("often")
    made.answered("rarely")
    asked = {"often": 0, "rarely": 0}
    for _ in range(10_000):
        clock.now += 0.1
        for one in made.take(10):
            asked[one.flow] += 1
            made.answered(one.flow)
    assert 90 <= asked["often"] <= 110
    assert 9 <= asked["rarely"] <= 11


def test_many_new_places_do_not_fall_together_and_stay_apart() -> None:
    clock = Clock()
    made = schedule(clock, *(use(f"f{number}", seconds=30, host=f"h{number}") for number in range(1000)))
    most = 0
    for _ in range(1200):
        clock.now += 0.1
        taken = made.take(10_000)
        most = max(most, len(taken))
        for one in taken:
            made.answered(one.flow)
    assert most < 30, "asked within a tenth of a second"


def test_a_server_is_never_asked_by_more_than_its_share_and_everybody_gets_a_turn() -> None:
    clock = Clock()
    uses = [use(f"f{number}", seconds=1, host="one server") for number in range(20)]
    made = schedule(clock, *uses, use("other", seconds=1, host="another"))
    seen: set[str] = set()
    at_work: list[str] = []
    for _ in range(200):
        clock.now += 0.1
        at_work += names(made.take(100))
        assert len([name for name in at_work if name != "other"]) <= 2
        seen |= set(at_work)
        if at_work:
            made.answered(at_work.pop(0))
    assert seen == {one.flow for one in uses} | {"other"}


def test_pauses_grow_while_there_is_no_answer_and_end_with_the_first_one() -> None:
    clock = Clock()
    made = schedule(clock, use("away", seconds=10))
    pauses: list[float] = []
    for _ in range(9):
        clock.now += LONGEST_BACK_OFF * 2
        assert names(made.take(1)) == ["away"]
        pauses.append(made.failed("away"))
    assert pauses[:3] == sorted(pauses[:3])
    assert 9 <= pauses[0] <= 11
    assert max(pauses) <= LONGEST_BACK_OFF * 1.1
    clock.now += LONGEST_BACK_OFF * 2
    made.take(1)
    made.answered("away")
    clock.now += 11.1
    assert names(made.take(1)) == ["away"]


def test_one_answer_of_a_server_brings_its_other_flows_forward() -> None:
    clock = Clock()
    made = schedule(
        clock, use("a", seconds=5, host="s"), use("b", seconds=5, host="s"), use("c", seconds=5, host="t")
    )
    for _ in range(8):
        clock.now += LONGEST_BACK_OFF * 2
        for one in made.take(10):
            made.failed(one.flow)
    made.bring_forward("s")
    clock.now += 5.1
    assert sorted(names(made.take(10))) == ["a", "b"]


def test_what_is_taken_away_while_it_is_asked_keeps_its_place_at_the_server_until_it_ends() -> None:
    clock = Clock()
    made = schedule(clock, use("a", host="s"), use("b", host="s"), per_side=1)
    clock.now += 1
    [first] = made.take(10)
    other = "b" if first.flow == "a" else "a"
    made.set_uses({other: use(other, host="s")})
    clock.now += 100
    assert made.take(10) == []
    made.answered(first.flow)
    assert names(made.take(10)) == [other]
    made.answered(other)
    assert len(made) == 1


def test_changed_settings_are_asked_soon() -> None:
    clock = Clock()
    made = schedule(clock, use("a", seconds=600))
    clock.now += 1
    made.take(1)
    made.answered("a")
    made.set_uses({"a": use("a", seconds=600, path="/new")})
    clock.now += 1
    assert [one.settings for one in made.take(1)] == [{"path": "/new"}]
