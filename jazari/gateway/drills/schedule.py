"""The drill that gateway.toml asks for, again and again. The worker looks whether it is due. Needs the database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from jazari.catalog.models import CatalogItem
from jazari.catalog.operations import publish_draft
from jazari.core import clock, events
from jazari.core.audit import AuditEvent
from jazari.core.errors import JazariError
from jazari.core.files import write_private
from jazari.gateway.configuration import DrillSettings, GatewayConfig, read_gateway
from jazari.gateway.drills.errors import BadDrillReport
from jazari.gateway.drills.measures import Plan, make_plan
from jazari.gateway.drills.performing import perform, routes_of
from jazari.gateway.drills.reports import draft_of, read_report, reports_folder
from jazari.gateway.listening import FILE
from jazari.settings.home import Home
from jazari.trust.records import Record

_PENDING, _DONE, _ASIDE = "scheduled-", "published-", "unreadable-"
_ATTEMPT = "last-attempt"
_log = logging.getLogger("jazari.gateway.drills")


def run_due(home: Home, check_root: Callable[[], None]) -> bool:
    """Run the drill of ``[drill]`` if it is due, and publish it; whether anything was published.

    Reports that wait are published after it, the oldest first. ``check_root`` raises while nothing can be published.
    Raises what ``perform`` raises: the gateway may not run.
    """
    if not (home.path / FILE).exists():
        return False
    config = read_gateway(home.path)
    if config.drill is not None and is_due(config.drill, last_drill(home), clock.now()):
        _attempt(home, config, plan_of(config, config.drill))
    return _publish_pending(home, check_root)


def _attempt(home: Home, config: GatewayConfig, plan: Plan) -> None:
    """Run ``plan``. However it ends, it counts as the last drill from its first call on, so that it is not repeated."""
    now, said = clock.now(), list[str]()
    report = reports_folder(home) / f"{_PENDING}{now.strftime('%Y%m%d-%H%M%S')}.json"
    note = reports_folder(home) / _ATTEMPT
    before = note.read_bytes() if note.exists() else None
    write_private(note, clock.timestamp(now).encode())
    try:
        perform(home, config, plan, None, report, said.append)
    except BaseException:
        if not said:
            _put_back(note, before)
        raise


def _put_back(note: Path, before: bytes | None) -> None:
    if before is None:
        note.unlink()
    else:
        write_private(note, before)


def is_due(settings: DrillSettings, last: datetime | None, now: datetime) -> bool:
    """Whether ``every_days`` have passed since the last drill; so it is where there was none."""
    return last is None or now - last >= timedelta(days=settings.every_days)


def plan_of(config: GatewayConfig, settings: DrillSettings) -> Plan:
    """The plan that ``[drill]`` describes."""
    return make_plan(
        {
            "what": settings.cut,
            "mode": settings.mode,
            "seconds": settings.seconds,
            "around": settings.around,
            "rate": settings.rate,
            "routes": routes_of(config, settings.cut, settings.routes),
            "data_class": settings.data_class,
        }
    )


def last_drill(home: Home) -> datetime | None:
    """When the last drill of this node was: published in its log, run and kept here, or begun by the schedule."""
    newest = CatalogItem.objects.filter(type="drill", namespace=home.namespace).order_by("-published").first()
    moments = [datetime.fromisoformat(newest.as_record().card["began"])] if newest else []
    kept = (_began(home, path) for path in reversed(_reports(home)))
    moments += _first(kept)
    note = reports_folder(home) / _ATTEMPT
    if note.exists():
        moments.append(_noted(note))
    return max(moments, default=None)


def _first(moments: Iterable[datetime | None]) -> list[datetime]:
    return next(([moment] for moment in moments if moment), [])


def _began(home: Home, path: Path) -> datetime | None:
    """When the drill in ``path`` began; None where it cannot be read, and then it is set aside."""
    try:
        return datetime.fromisoformat(read_report(path).began)
    except BadDrillReport as error:
        _set_aside(home, path, str(error))
        return None


def _noted(note: Path) -> datetime:
    try:
        return datetime.fromisoformat(note.read_text(encoding="ascii"))
    except ValueError:
        return datetime.fromtimestamp(note.stat().st_mtime, UTC)


def _set_aside(home: Home, path: Path, why: str) -> None:
    """Keep a report that cannot be read, where it is in nobody's way."""
    aside = path.with_name(_ASIDE + path.name)
    _log.warning("A drill's report is set aside as %s: %s", aside.name, why)
    events.emit(AuditEvent("gateway.drill-report-set-aside", home.namespace, aside.name, {"problem": why}))
    path.rename(aside)


def _reports(home: Home) -> list[Path]:
    """Reports of scheduled drills, the newest last."""
    folder = reports_folder(home)
    found = [*folder.glob(f"{_PENDING}*.json"), *folder.glob(f"{_DONE}*.json")]
    return sorted(found, key=lambda path: path.name.partition("-")[2])


def _publish_pending(home: Home, check_root: Callable[[], None]) -> bool:
    """Publish each by itself; raises the first of the problems when all were tried."""
    pending = [path for path in _reports(home) if path.name.startswith(_PENDING)]
    problems: list[JazariError] = []
    published = 0
    for path in pending:
        check_root()
        try:
            publish_report(home, path)
        except BadDrillReport as error:
            _set_aside(home, path, str(error))
        except JazariError as error:
            problems.append(error)
        else:
            path.rename(path.with_name(path.name.replace(_PENDING, _DONE, 1)))
            published += 1
    if problems:
        raise problems[0]
    return published > 0


def publish_report(home: Home, path: Path, passphrase_file: Path | None = None) -> Record:
    """Publish the drill in the report file ``path`` in the node's own log. The same again is the same record."""
    measured = read_report(path)
    with TemporaryDirectory(prefix="jazari-drill-") as folder:
        return publish_draft(home, draft_of(measured, Path(folder)), passphrase_file)
