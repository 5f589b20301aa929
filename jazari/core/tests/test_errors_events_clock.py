from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from jazari.core import clock, events
from jazari.core.errors import JazariError, known_errors


def test_an_error_without_a_code_of_its_own_is_refused():
    with pytest.raises(TypeError, match="declares no code"):
        type("Nameless", (JazariError,), {})


def test_two_errors_cannot_share_a_code():
    with pytest.raises(TypeError, match="repeats the code"):
        type("Second", (JazariError,), {"code": "core.busy"})


def test_known_errors_lists_each_by_its_code():
    assert all(code == kind.code for code, kind in known_errors().items())


@dataclass(frozen=True)
class Published:
    name: str


class Withdrawn(Published):
    pass


def test_an_event_reaches_the_subscribers_of_its_class_and_of_its_bases_once():
    seen: list[Published] = []
    events.subscribe(Published, seen.append)
    events.subscribe(Published, seen.append)
    try:
        events.emit(Withdrawn("soil"))
        events.emit("something else")
    finally:
        events.unsubscribe(Published, seen.append)
    events.emit(Published("late"))
    assert seen == [Withdrawn("soil")]


def test_an_error_in_a_handler_reaches_the_caller():
    def refuse(_: Published) -> None:
        raise RuntimeError("the trail cannot be written")

    events.subscribe(Published, refuse)
    try:
        with pytest.raises(RuntimeError):
            events.emit(Published("soil"))
    finally:
        events.unsubscribe(Published, refuse)


def test_time_can_be_moved_and_comes_back():
    moment = datetime(2030, 1, 2, 3, 4, 5, 999, tzinfo=UTC)
    with clock.frozen(moment):
        assert clock.timestamp() == "2030-01-02T03:04:05Z"
    assert clock.now() != moment
