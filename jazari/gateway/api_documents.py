"""What the JSON API tells, as plain values. Amounts are microcredits, as on receipts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from jazari.catalog.models import CatalogItem
from jazari.core.clock import timestamp
from jazari.gateway import queries, use_queries
from jazari.gateway.authorization import ProjectFacts
from jazari.gateway.checking import classes_of
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.knowledge import Knowledge
from jazari.gateway.models import Grant, Key, Project
from jazari.gateway.pages.accounts import Account
from jazari.gateway.routing import Explanation
from jazari.gateway.use import Counted
from jazari.gateway.words import DataClass

Document = dict[str, Any]


def record_document(item: CatalogItem) -> Document:
    """A signed record: who published what, when."""
    record = item.as_record()
    return {
        "ref": item.ref,
        "institute": item.namespace,
        "published": timestamp(record.published),
        "digest": item.digest,
        "card": record.card,
    }


def route_document(alias: str, config: GatewayConfig, known: Knowledge) -> Document:
    """A route of gateway.toml, without addresses and secrets."""
    route = config.route[alias]
    return {
        "route": alias,
        "kind": str(route.kind),
        "order": route.order,
        "targets": [one.model_dump() | {"card": config.provider[one.provider].card} for one in route.targets],
        "data_classes": [str(one) for one in classes_of(alias, route, config, known)],
        "credits_per_1000_input": str(route.price.input),
        "credits_per_1000_output": str(route.price.output),
    }


def explanation_document(found: Explanation, known: Knowledge, data_class: DataClass) -> Document:
    """As ``jazari routes explain --json``."""
    targets = [
        {
            "provider": one.provider,
            "model": one.model,
            "allowed": one.decision.allowed,
            "code": str(one.decision.code),
            "sentence": known.problems.get(one.provider) or one.decision.sentence,
            "policy": one.decision.policy,
            "rule": one.decision.rule,
            "share": one.share,
        }
        for one in found.targets
    ]
    first = next((one["provider"] for one in targets if one["allowed"]), None)
    return {
        "route": found.route,
        "order": found.order,
        "data_class": str(data_class),
        "targets": targets,
        "first": first,
    }


def project_document(project: ProjectFacts, account: Account) -> Document:
    """A project in a list."""
    return {"project": project.name, "title": project.title, "closed": project.closed, **_account(account)}


def whole_project_document(
    project: Project, grants: Sequence[Grant], account: Account, keys: Sequence[Key]
) -> Document:
    """A project with all that belongs to it."""
    return {
        "project": project.name,
        "title": project.title,
        "closed": timestamp(project.closed) if project.closed else None,
        **_account(account),
        "grants": [
            {"moment": timestamp(one.moment), "microcredits": one.amount, "note": one.note, "actor": one.actor}
            for one in grants
        ],
        "keys": [queries.key_facts(key) for key in keys],
    }


def use_document(period: use_queries.Period, counted: Counted) -> Document:
    """Sums of a period."""
    projects, more_projects = use_queries.shares(period, "project")
    routes, more_routes = use_queries.shares(period, "route", "provider", "model")
    return {
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "counted": asdict(counted),
        "total": use_queries.total(period),
        "days": [row | {"day": row["day"].isoformat()} for row in use_queries.by_day(period)],
        "projects": list(projects),
        "routes": list(routes),
        "some_left_out": more_projects or more_routes,
    }


def _account(account: Account) -> Document:
    return {
        "granted_microcredits": account.granted,
        "spent_microcredits": account.spent,
        "reserved_microcredits": account.reserved,
        "left_microcredits": account.left,
    }
