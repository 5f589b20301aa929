"""A node that a drill keeps from the Root exchanges nothing with it, loses nothing, and goes on afterwards."""

from __future__ import annotations

import threading
import time

import pytest

from jazari.core.errors import JazariError
from jazari.federation import exchange
from jazari.federation.cut_off import REGISTRY, ROOT, clear_cut, write_cut
from jazari.federation.errors import RootCutOff
from jazari.nodes import node_duties
from jazari.testing.live_network import LiveNetwork
from jazari.testing.waiting import until
from jazari.trust.errors import SourceUnavailable
from jazari.trust.records import Draft

CARD = {"title": {"fr": "Institut", "ar": "معهد"}}


def draft(name: str = "about") -> Draft:
    return Draft("institute", name, CARD)


def test_nothing_is_read_and_sync_goes_on_afterwards(live: LiveNetwork) -> None:
    dakhla, fes = live.institutes["dakhla"], live.institutes["fes"]
    sync = node_duties.Sync()
    sync.run(fes)
    write_cut(fes, ROOT, 60)
    (record,) = exchange.publish(dakhla, [draft()])
    assert not sync.run(fes)
    with pytest.raises(SourceUnavailable, match="A drill"):
        exchange.sync(fes)
    clear_cut(fes)
    assert sync.run(fes)
    assert exchange.open_reader(fes).record(record.ref) == record


def test_nothing_is_sent_and_what_waited_is_published_once(live: LiveNetwork) -> None:
    dakhla = live.institutes["dakhla"]
    exchange.sync(dakhla)
    write_cut(dakhla, ROOT, 60)
    with pytest.raises(JazariError, match="A drill"):
        exchange.publish(dakhla, [draft()])
    for duty in (node_duties.send_waiting, node_duties.Notices().run):
        with pytest.raises(JazariError, match="A drill"):
            duty(dakhla)
    clear_cut(dakhla)
    exchange.resume(dakhla, live.signer("dakhla"))
    (record,) = exchange.publish(dakhla, [draft()])
    assert [one.ref for one in exchange.sync(live.institutes["fes"]).new_records] == [record.ref]


def test_an_answer_that_was_on_its_way_when_the_cut_fell_does_not_count(live: LiveNetwork) -> None:
    dakhla, fes = live.institutes["dakhla"], live.institutes["fes"]
    failed: list[type[Exception]] = []
    asked = threading.Event()
    with exchange.root_client(fes, live.signer("fes")) as client:
        before = client.wait_for_change(0)

        def wait() -> None:
            asked.set()
            try:
                client.wait_for_change(before)
            except RootCutOff as error:
                failed.append(type(error))

        waiting = threading.Thread(target=wait)
        waiting.start()
        asked.wait()
        time.sleep(0.2)  # the question is on its way: what is asked under a cut would not leave at all
        write_cut(fes, ROOT, 60)
        exchange.publish(dakhla, [draft()])
        waiting.join(30)
        clear_cut(fes)
        assert failed == [RootCutOff]
        assert client.wait_for_change(before) == before + 1


def test_a_cut_is_of_this_node_alone_and_of_its_time(live: LiveNetwork) -> None:
    dakhla, fes = live.institutes["dakhla"], live.institutes["fes"]
    write_cut(fes, ROOT, 60)
    exchange.sync(dakhla)
    with pytest.raises(SourceUnavailable):
        exchange.sync(fes)
    write_cut(fes, ROOT, 0.5)

    def again() -> bool:
        try:
            return bool(exchange.sync(fes))
        except SourceUnavailable:
            return False

    until(again, "the time of the cut is over")


def test_a_cut_registry_keeps_nobody_from_publishing(live: LiveNetwork) -> None:
    dakhla = live.institutes["dakhla"]
    write_cut(dakhla, REGISTRY, 60)
    assert not node_duties.Sync().run(dakhla)
    assert exchange.publish(dakhla, [draft()])
