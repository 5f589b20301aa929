"""The drill that is due: run, kept, published in the node's log, and not run again before its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jazari.catalog.models import CatalogItem
from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.errors import Busy
from jazari.core.files import locked
from jazari.federation import exchange
from jazari.federation.cut_off import REGISTRY, clear_cut, write_cut
from jazari.gateway.configuration import DrillSettings, parse_gateway
from jazari.gateway.drills import schedule
from jazari.gateway.drills.errors import DrillError, GatewayNotRunning
from jazari.gateway.drills.reports import reports_folder, write_report
from jazari.gateway.drills.tests.test_figures import USUAL, call, measured
from jazari.gateway.errors import BadGatewayConfig
from jazari.gateway.models import Key
from jazari.gateway.proxy.tests.serving import toml
from jazari.nodes import node_duties, wiring
from jazari.settings.home import Home
from jazari.testing.live_network import LiveNetwork

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DRILL = '[drill]\ncut = "first"\n'


@dataclass
class Checks:
    """Stands for the question whether the Root is there."""

    asked: int = 0

    def __call__(self) -> None:
        self.asked += 1


@pytest.fixture
def home(network: LiveNetwork) -> Home:
    """The home of a Root, which can publish, with a gateway.toml and no gateway."""
    wiring.register_cards()
    (network.root.path / "gateway").mkdir()
    settle(network.root, DRILL)
    return network.root


def settle(home: Home, drill: str) -> None:
    (home.path / "gateway" / "gateway.toml").write_text(f"{toml({'first': 'http://127.0.0.1:9/v1'})}\n{drill}")


def keep(home: Home, name: str, days_ago: int) -> None:
    began = clock.timestamp(clock.now() - timedelta(days=days_ago))
    during = [call(11_000 + 100 * n, provider="second") for n in range(9)]
    write_report(measured(*USUAL, *during).model_copy(update={"began": began}), reports_folder(home) / name)


@pytest.mark.parametrize(("days", "due"), [(None, True), (29, False), (30, True), (400, True)])
def test_it_is_due_when_its_days_are_over(days: int | None, due: bool) -> None:
    last = None if days is None else NOW - timedelta(days=days)
    assert schedule.is_due(DrillSettings(cut="first"), last, NOW) is due


def test_without_a_gateway_or_a_schedule_nothing_happens(home: Home) -> None:
    settle(home, "")
    assert not node_duties.run_drill(home)
    (home.path / "gateway" / "gateway.toml").unlink()
    assert not node_duties.run_drill(home)


def test_a_drill_that_is_due_fails_loudly_while_no_gateway_runs(home: Home) -> None:
    with pytest.raises(GatewayNotRunning):
        node_duties.run_drill(home)
    assert not Key.objects.exists()


def test_what_was_run_is_published_once_and_counts_as_the_last(home: Home) -> None:
    keep(home, "scheduled-20261101-000000.json", 3)
    root = Checks()
    assert schedule.run_due(home, root)
    assert [path.name for path in reports_folder(home).iterdir()] == ["published-20261101-000000.json"]
    exchange.sync(home)
    item = CatalogItem.objects.get(type="drill")
    assert item.problem == ""
    assert {"calls.csv"} <= {file.name for file in item.as_record().files}
    assert not schedule.run_due(home, root)
    assert root.asked == 1
    # The log alone says so too.
    for path in reports_folder(home).iterdir():
        path.unlink()
    assert not schedule.run_due(home, root)


def test_what_cannot_be_published_now_waits(home: Home) -> None:
    keep(home, "scheduled-20261101-000000.json", 3)

    def away() -> None:
        raise Busy("The Root is away: try again later.")

    with pytest.raises(Busy):
        schedule.run_due(home, away)
    assert schedule.run_due(home, Checks())


def test_a_drill_that_fails_once_it_began_waits_for_its_next_time(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def fails(*arguments: Any) -> None:
        tried.append(arguments[-1])
        arguments[-1]("first is cut off")
        raise DrillError("The cut ended before its time.")

    monkeypatch.setattr(schedule, "perform", fails)
    with pytest.raises(DrillError):
        schedule.run_due(home, Checks())
    assert not schedule.run_due(home, Checks())
    assert len(tried) == 1
    (reports_folder(home) / "last-attempt").write_text("damaged")
    assert not schedule.run_due(home, Checks())


def test_a_drill_that_did_not_begin_is_tried_again(home: Home) -> None:
    for days in (None, 40):
        if days:
            note = clock.timestamp(clock.now() - timedelta(days=days))
            (reports_folder(home) / "last-attempt").write_text(note)
        before = schedule.last_drill(home)
        with pytest.raises(GatewayNotRunning):
            schedule.run_due(home, Checks())
        assert schedule.last_drill(home) == before


def test_a_report_that_cannot_be_read_is_set_aside(home: Home) -> None:
    keep(home, "scheduled-20261101-000000.json", 3)
    for name in ("scheduled-20261002-000000.json", "scheduled-20261103-000000.json"):
        (reports_folder(home) / name).write_text("{")
    told: list[AuditEvent] = []
    events.subscribe(AuditEvent, handler := told.append)
    try:
        assert schedule.run_due(home, Checks())
    finally:
        events.unsubscribe(AuditEvent, handler)
    found = {path.name for path in reports_folder(home).iterdir()}
    aside = {f"unreadable-scheduled-{moment}-000000.json" for moment in ("20261002", "20261103")}
    assert found == {"published-20261101-000000.json", *aside}
    assert {event.subject for event in told if event.kind == "gateway.drill-report-set-aside"} == aside


def test_a_report_that_cannot_be_published_keeps_back_no_other(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(home, "scheduled-20261101-000000.json", 3)
    keep(home, "scheduled-20261102-000000.json", 2)
    publish = schedule.publish_report

    def fails(home: Home, path: Path) -> Any:
        if "20261101" in path.name:
            raise Busy("It cannot be published.")
        return publish(home, path)

    monkeypatch.setattr(schedule, "publish_report", fails)
    with pytest.raises(Busy):
        schedule.run_due(home, Checks())
    names = [path.name for path in sorted(reports_folder(home).iterdir())]
    assert names == ["published-20261102-000000.json", "scheduled-20261101-000000.json"]


def test_an_old_drill_makes_the_next_one_due(home: Home) -> None:
    keep(home, "published-20261001-000000.json", 31)
    with pytest.raises(GatewayNotRunning):
        schedule.run_due(home, Checks())


def test_never_two_at_once(home: Home) -> None:
    with locked(home.run / "drill.lock", "Another drill"), pytest.raises(Busy):
        schedule.run_due(home, Checks())


@pytest.mark.parametrize(
    "drill",
    ['cut = "third"', 'cut = "first"\nseconds = 0', 'cut = "first"\nroutes = ["nowhere"]',
     'cut = "first"\nevery_days = 0', 'cut = "first"\nmore = 1'],
)  # fmt: skip
def test_a_schedule_that_cannot_be_kept_is_refused(drill: str) -> None:
    with pytest.raises(BadGatewayConfig):
        parse_gateway(f"{toml({'first': 'http://127.0.0.1:9/v1'})}\n[drill]\n{drill}\n")


def test_the_root_can_be_cut_month_by_month() -> None:
    config = parse_gateway(f'{toml({"first": "http://127.0.0.1:9/v1"})}\n[drill]\ncut = "root"\n')
    assert config.drill is not None
    plan = schedule.plan_of(config, config.drill)
    assert (plan.what, plan.provider, set(plan.routes)) == ("root", "", set(config.route))


def test_no_provider_may_be_called_as_what_else_is_cut() -> None:
    with pytest.raises(BadGatewayConfig, match="registry"):
        parse_gateway(toml({"registry": "http://127.0.0.1:9/v1"}))


def test_a_cut_registry_keeps_the_nodes_sync_from_reading(home: Home) -> None:
    assert node_duties.Sync().run(home)
    write_cut(home, REGISTRY, 60)
    assert not node_duties.Sync().run(home)
    clear_cut(home)
    keep(home, "scheduled-20261101-000000.json", 3)
    schedule.run_due(home, Checks())
    assert node_duties.Sync().run(home)
