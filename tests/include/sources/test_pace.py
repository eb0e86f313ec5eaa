from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.sources.pace import PIECE_BYTES, ProcessPacer, paced_pieces


def test_each_slot_begins_where_the_last_one_ends(clock):
    pacer = ProcessPacer(clock.sleep, clock.read)
    for cost_s in (2.0, 3.0, 0.0):
        pacer.wait("a", cost_s)
    assert clock.slept == [2.0, 3.0]


def test_a_line_that_nobody_stood_in_for_a_while_gives_no_credit(clock):
    pacer = ProcessPacer(clock.sleep, clock.read)
    pacer.wait("a", 1.0)
    clock.now += 60.0
    pacer.wait("a", 1.0)
    pacer.wait("a", 1.0)
    assert clock.slept == [1.0]


def test_hosts_do_not_wait_for_each_other(clock):
    pacer = ProcessPacer(clock.sleep, clock.read)
    for host in "abc":
        pacer.wait(host, 10.0)
    assert clock.slept == []


def test_threads_get_slots_of_their_own(clock):
    slept: list[float] = []
    pacer = ProcessPacer(slept.append, lambda: 0.0)
    threads = [threading.Thread(target=pacer.wait, args=("a", 1.0)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


@given(
    sizes=st.lists(st.integers(1, 3 * PIECE_BYTES), max_size=12),
    bytes_per_s=st.floats(1.0, 1e8),
    declared=st.booleans(),
)
def test_every_byte_is_paid_for_and_the_pieces_come_as_they_are(sizes, bytes_per_s, declared):
    pieces = [bytes(size) for size in sizes]
    total = sum(sizes)
    waited: list[float] = []
    passed = list(paced_pieces(pieces, waited.append, bytes_per_s, total if declared else None))
    assert passed == pieces
    paid = sum(waited) * bytes_per_s
    if declared:
        assert paid == pytest.approx(total)
    else:
        assert total - 1 <= paid <= total + PIECE_BYTES + 1


def test_a_piece_is_paid_for_before_it_is_read():
    order: list[str] = []

    def pieces():
        for _ in range(2):
            order.append("read")
            yield b"x" * 10

    list(paced_pieces(pieces(), lambda _: order.append("wait"), 40.0, 20))
    assert order == ["wait", "read", "wait", "read"]
