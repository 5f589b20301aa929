"""Sums of days: each receipt once, however often and by how many they are counted, and what the page shows."""

from __future__ import annotations

import shutil
from datetime import date
from typing import Any

import pytest

from jazari.accounts.rules import Role
from jazari.core.clock import frozen
from jazari.gateway import use
from jazari.gateway.charts import HEIGHT, bars, days
from jazari.gateway.errors import JournalDamaged
from jazari.gateway.journal import segments
from jazari.gateway.models import DailyUse, UseMark
from jazari.gateway.receipt_files import journal_folder
from jazari.gateway.tests.page_homes import give_gateway, serve
from jazari.gateway.use_queries import Period, by_day, shares, total
from jazari.settings.home import Home
from jazari.testing.pages import People

pytestmark = pytest.mark.usefixtures("portal")
PERIOD = Period(date(2026, 11, 1), date(2026, 11, 30))


@pytest.fixture
def home(portal: Home) -> Home:
    give_gateway(portal)
    return portal


def calls() -> int:
    return total(PERIOD)["calls"]


def test_every_receipt_is_counted_once(home: Home) -> None:
    serve(home, {}, {"project": "mairie"}, {"outcome": "failed", "charge": 0, "energy_microwatt_hours": None})
    assert not use.count(home).behind
    assert not use.count(home).behind
    assert calls() == 3
    serve(home, {"energy_microwatt_hours": None})
    use.count(home)
    found = total(PERIOD)
    assert (found["calls"], found["answered"], found["microcredits"]) == (4, 3, 750_000)
    assert (found["prompt_tokens"], found["completion_tokens"]) == (48, 120)
    assert (found["microwatt_hours"], found["unmetered"]) == (8_000, 1)


def test_a_long_journal_is_counted_in_parts(home: Home) -> None:
    serve(home, *({} for _ in range(40)))
    parts = 0
    while use.count(home, 4_000).behind:
        parts += 1
    assert parts > 4
    assert calls() == 40


def test_sums_by_day_and_by_whom(home: Home) -> None:
    serve(
        home,
        {"moment": "2026-11-03T23:59:59Z"},
        {"moment": "2026-11-03T00:00:00Z", "project": "mairie", "charge": 500_000},
        {"moment": "2026-11-05T10:00:00Z"},
        {"moment": "2026-10-05T10:00:00Z"},
    )
    use.count(home)
    rows = {row["day"].day: row["calls"] for row in by_day(PERIOD) if row["calls"]}
    assert rows == {3: 2, 5: 1}
    assert len(by_day(PERIOD)) == 30
    found, more = shares(PERIOD, "project")
    assert [(row["project"], row["calls"]) for row in found] == [("archives", 2), ("mairie", 1)]
    assert not more
    assert total(Period(PERIOD.since, PERIOD.until, project="mairie"))["microcredits"] == 500_000


def test_another_journal_is_counted_anew(home: Home) -> None:
    serve(home, {}, {})
    use.count(home)
    shutil.rmtree(journal_folder(home.path))
    serve(home, {"project": "restored"})
    use.count(home)
    assert list(DailyUse.objects.values_list("project", "calls")) == [("restored", 1)]


def test_segments_that_were_put_away_stay_counted(home: Home) -> None:
    from jazari.gateway.balances import Balances
    from jazari.gateway.journal import Journal

    serve(home, {}, {})
    use.count(home)
    journal = Journal.open(journal_folder(home.path))
    assert journal.roll(Balances().snapshot())
    journal.close()
    segments(journal_folder(home.path))[0].unlink()
    serve(home, {})
    use.count(home)
    assert calls() == 3


def test_who_was_overtaken_counts_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(home, {}, {})
    read = use._read

    def overtaken(*arguments: Any) -> Any:
        found = read(*arguments)
        monkeypatch.setattr(use, "_read", read)
        use.count(home)
        return found

    monkeypatch.setattr(use, "_read", overtaken)
    use.count(home)
    assert calls() == 2


def test_a_changed_line_stops_counting(home: Home) -> None:
    serve(home, {})
    (path,) = segments(journal_folder(home.path))
    path.write_bytes(path.read_bytes().replace(b'"charge":250000', b'"charge":250001'))
    with pytest.raises(JournalDamaged):
        use.count(home)
    assert UseMark.objects.count() == 0


def test_bars_are_as_high_as_their_share() -> None:
    found = bars(list(zip(days(date(2026, 11, 1), date(2026, 11, 3)), (0, 5, 10), strict=True)))
    assert [bar.height for bar in found] == [0, (HEIGHT - 20) / 2, HEIGHT - 20]
    assert bars([]) == []
    assert [bar.height for bar in bars([(date(2026, 11, 1), 0)])] == [0]


def test_the_page_shows_a_chart_and_the_same_figures(home: Home, people: People) -> None:
    from datetime import UTC, datetime

    serve(home, {"moment": "2026-11-24T09:00:00Z"}, {"moment": "2026-11-26T09:00:00Z", "project": "mairie"})
    with frozen(datetime(2026, 11, 26, 12, tzinfo=UTC)):
        client = people.client(Role.AUDITOR)
        shown = client.get("/gateway/use/").content.decode()
        assert shown.count("<rect ") == 30
        assert 'role="img"' in shown
        assert "0.5" in shown
        only = client.get("/gateway/use/?project=mairie&since=2026-11-25").content.decode()
        assert only.count("<rect ") == 2
        assert "archives" not in only
        assert "No call was made" in client.get("/gateway/use/?until=2020-01-01").content.decode()
        for query in ("?since=0001-01-01&until=9999-12-31", "?until=0001-01-01", "?since=2026-11-26&until=2026-01-01"):
            assert client.get(f"/gateway/use/{query}").status_code == 200
        assert client.get("/gateway/use/?since=soon").status_code == 400
        table = b"".join(client.get("/gateway/use.csv"))  # type: ignore[arg-type]
        assert b"2026-11-24,archives,chat,first,stand-in,1,1,12,30,250000,4000,0" in table
    assert people.client(Role.MEMBER).get("/gateway/use/").status_code == 403


def test_without_a_call_the_page_says_when_figures_appear(home: Home, people: People) -> None:
    assert "There is no receipt yet" in people.client(Role.AUDITOR).get("/gateway/use/").content.decode()
