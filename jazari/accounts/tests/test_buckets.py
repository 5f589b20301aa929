"""Counting calls: whom an address stands for, and that no number of callers fills the memory."""

from __future__ import annotations

from jazari.accounts.buckets import Buckets, address_group


def test_a_caller_may_do_so_much_at_once_and_then_so_much_a_second() -> None:
    now = [0.0]
    buckets = Buckets(0.5, 3, 100, lambda: now[0])
    assert [buckets.take("one") for _ in range(4)] == [0, 0, 0, 2]
    assert buckets.take("another") == 0
    now[0] = 2.0
    assert buckets.take("one") == 0


def test_what_is_given_back_may_be_taken_again_and_no_more() -> None:
    buckets = Buckets(0.5, 2, 100, lambda: 0.0)
    for _ in range(5):
        assert buckets.take("one") == 0
        buckets.give_back("one")
    buckets.give_back("one")
    assert [buckets.take("one") > 0 for _ in range(3)] == [False, False, True]


def test_a_caller_is_known_until_it_is_forgotten() -> None:
    buckets = Buckets(0.5, 1, 100, lambda: 0.0)
    assert not buckets.knows("one")
    buckets.take("one")
    assert buckets.knows("one")
    assert buckets.take("one") > 0
    buckets.forget("one")
    buckets.forget("nobody")
    assert not buckets.knows("one")
    assert buckets.take("one") == 0


def test_callers_are_forgotten_before_memory_is() -> None:
    buckets = Buckets(1.0, 1, 10, lambda: 0.0)
    assert all(buckets.take(str(number)) == 0 for number in range(1000))
    assert len(buckets._left) == 10
    for number in range(1000, 2000):
        buckets.give_back(str(number))
    assert len(buckets._left) == 10


def test_an_address_stands_for_a_household() -> None:
    assert address_group("2001:db8::1") == address_group("2001:db8::ffff:2")
    assert address_group("2001:db8:0:1::1") != address_group("2001:db8::1")
    assert address_group("::ffff:192.0.2.1") == address_group("192.0.2.1") == "192.0.2.1"
    assert address_group("not an address") == ""
