"""Never more is handed out than there is, nothing stands beside what is alone, and an idle machine refuses
nothing.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.engine.slots import Capacity, Grant, Resources, Slots, declared, size

WISHES = st.builds(
    Resources, st.integers(0, 6), st.integers(0, 40), st.integers(0, 3), st.booleans()
)  # some ask for more than there is


@given(st.lists(st.tuples(WISHES, st.booleans()), max_size=30))
def test_what_is_held_never_exceeds_what_there_is(history: list[tuple[Resources, bool]]) -> None:
    there_is = Capacity(cpus=4, memory=30, gpus=2)
    slots, held = Slots(there_is), dict[str, Grant]()
    for number, (wish, back) in enumerate(history):
        if back and held:
            name = min(held)
            slots.give_back(name)
            del held[name]
        grant = slots.take(f"{number:02}", wish)
        if grant is None:
            assert held, "an idle machine refused"
            continue
        held[f"{number:02}"] = grant
        assert sum(each.cpus for each in held.values()) <= there_is.cpus
        assert len(held) == 1 or sum(each.memory for each in held.values()) <= there_is.memory
        devices = [device for each in held.values() for device in each.gpus]
        assert len(devices) == len(set(devices))
        assert set(devices) <= {0, 1}
        assert len(held) == 1 or not any(each.alone for each in held.values())
        assert grant.whole == (grant.alone or grant.cpus == there_is.cpus)
        too_much = wish.cpus > 4 or wish.memory > 30 or wish.gpus > 2
        assert grant.alone == (wish.alone or too_much)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("2 GB", 2 * 10**9), ("1.5GiB", 3 * 2**29), ("64 mb", 64 * 10**6), (7, 7)]
)
def test_sizes_are_read(text: str | int, value: int) -> None:
    assert size(text) == value


@pytest.mark.parametrize("words", [("some", 0, 0), (-1, 0, 0), (True, 0, 0), (1, "much", 0), (1, 0, -1)])
def test_a_declaration_that_means_nothing_is_refused(words: tuple[int | str, str | int, int]) -> None:
    with pytest.raises(ValueError):
        declared(*words, alone=False)
