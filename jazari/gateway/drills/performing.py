"""A drill at this node: everything around ``run_drill``. One at a time; audited. Needs the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.canonical import digest
from jazari.core.files import locked
from jazari.federation.cut_off import REGISTRY, ROOT
from jazari.gateway.client_tls import client_tls
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.drills.card import DrillCard
from jazari.gateway.drills.errors import BadDrill, check_cut
from jazari.gateway.drills.evaluation import Evaluation
from jazari.gateway.drills.keys import drill_key, kinds_of, most_credits
from jazari.gateway.drills.measures import Plan
from jazari.gateway.drills.operator import Operator
from jazari.gateway.drills.reports import reports_folder, write_report
from jazari.gateway.drills.running import Place, run_drill
from jazari.gateway.drills.sockets import control_path
from jazari.gateway.errors import NoSuchRoute
from jazari.gateway.receipt_files import journal_folder
from jazari.settings.home import Home


def routes_of(config: GatewayConfig, what: str, asked: Sequence[str] = ()) -> dict[str, str]:
    """The routes to call and their order: those asked for, else all that ``what`` serves.

    Raises ``NothingToCut``, ``NoSuchRoute``, or ``BadDrill`` where there is none.
    """
    check_cut(what, config.provider)
    unknown = [alias for alias in asked if alias not in config.route]
    if unknown:
        raise NoSuchRoute(f"There is no route {unknown[0][:80]!r} in gateway.toml: name one of its routes.")
    served = [
        alias
        for alias, route in config.route.items()
        if what in (REGISTRY, ROOT) or any(target.provider == what for target in route.targets)
    ]
    chosen = list(asked) or served
    if not chosen:
        raise BadDrill(f"No route leads to {what}: there is nothing to measure.")
    return {alias: config.route[alias].order for alias in chosen}


def perform(
    home: Home,
    config: GatewayConfig,
    plan: Plan,
    evaluation: Evaluation | None,
    file: Path | None,
    say: Callable[[str], None],
) -> tuple[Path, DrillCard]:
    """Run ``plan`` at the running gateway of ``home`` and write its report to ``file``; where it is, and its figures.

    Raises ``Busy`` while another drill runs, and what ``run_drill`` raises.
    """
    with locked(home.run / "drill.lock", "Another drill", 0.0):
        with Operator(control_path(home)) as operator:
            need = most_credits(config, plan, evaluation)
            with drill_key(operator, plan, need, home.namespace) as secret:
                journal, tls = journal_folder(home.path), client_tls(home, config)
                place = Place(config.address, secret, control_path(home), journal, tls)
                measured = run_drill(place, plan, kinds_of(config, plan), evaluation, say)
        path = file or reports_folder(home) / f"{measured.id}.json"
        card = write_report(measured, path)
        detail = {"drill": measured.id, "seconds": round(plan.seconds), "figures": digest(card.model_dump(mode="json"))}
        events.emit(AuditEvent("gateway.drill-run", home.namespace, plan.what, detail))
    return path, card
