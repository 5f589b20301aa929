"""The drill that gateway.toml asks for, again and again. The worker looks whether it is due. Needs the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from jazari.catalog.models import CatalogItem
from jazari.catalog.operations import publish_draft
from jazari.core import clock
from jazari.gateway.configuration import DrillSettings, GatewayConfig, read_gateway
from jazari.gateway.drills.measures import Plan, make_plan
from jazari.gateway.drills.performing import perform, routes_of
from jazari.gateway.drills.reports import draft_of, read_report, reports_folder
from jazari.gateway.listening import FILE
from jazari.settings.home import Home
from jazari.trust.records import Record

_PENDING, _DONE = "scheduled-", "published-"


def run_due(home: Home, check_root: Callable[[], None]) -> bool:
    """Run the drill of ``[drill]`` if it is due, and publish it; whether anything was published.

    What could not be published before is, first. ``check_root`` raises while nothing can be published. Raises what
    ``perform`` raises: the gateway may not run.
    """
    if not (home.path / FILE).exists():
        return False
    config = read_gateway(home.path)
    if config.drill is not None and is_due(config.drill, last_drill(home), clock.now()):
        folder = reports_folder(home)
        moment = clock.now().strftime("%Y%m%d-%H%M%S")
        perform(home, config, plan_of(config, config.drill), None, folder / f"{_PENDING}{moment}.json", lambda _: None)
    return _publish_pending(home, check_root)


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
    """When the last drill of this node was: published in its log, or run and kept here."""
    newest = CatalogItem.objects.filter(type="drill", namespace=home.namespace).order_by("-published").first()
    moments = [datetime.fromisoformat(newest.as_record().card["began"])] if newest else []
    moments += [datetime.fromisoformat(read_report(path).began) for path in _reports(home)[-1:]]
    return max(moments, default=None)


def _reports(home: Home) -> list[Path]:
    """Reports of scheduled drills, the newest last."""
    folder = reports_folder(home)
    found = [*folder.glob(f"{_PENDING}*.json"), *folder.glob(f"{_DONE}*.json")]
    return sorted(found, key=lambda path: path.name.partition("-")[2])


def _publish_pending(home: Home, check_root: Callable[[], None]) -> bool:
    pending = [path for path in _reports(home) if path.name.startswith(_PENDING)]
    for path in pending:
        check_root()
        publish_report(home, path)
        path.rename(path.with_name(path.name.replace(_PENDING, _DONE, 1)))
    return bool(pending)


def publish_report(home: Home, path: Path, passphrase_file: Path | None = None) -> Record:
    """Publish the drill in the report file ``path`` in the node's own log. The same again is the same record."""
    measured = read_report(path)
    with TemporaryDirectory(prefix="jazari-drill-") as folder:
        return publish_draft(home, draft_of(measured, Path(folder)), passphrase_file)
