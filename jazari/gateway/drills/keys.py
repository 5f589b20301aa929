"""The project ``drills``, its credits, and a key for the time of one drill. Needs the database."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from jazari.core.identifiers import token
from jazari.gateway import operations, queries
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.credits import upper_bound
from jazari.gateway.drills.evaluation import MOST_OUTPUT, Evaluation
from jazari.gateway.drills.load import OUTPUT_TOKENS, question
from jazari.gateway.drills.measures import PhaseName, Plan
from jazari.gateway.drills.operator import Operator
from jazari.gateway.drills.running import PROJECT
from jazari.gateway.errors import ProjectNotFound
from jazari.gateway.proxy.live import price_of
from jazari.gateway.proxy.questions import Question, read_question
from jazari.gateway.scopes import LIMITS, Scope
from jazari.gateway.words import Kind

_TITLE = "Drills of this gateway"
_SLACK = 1.1
"""The load makes a call more or less than planned."""


def most_credits(config: GatewayConfig, plan: Plan, evaluation: Evaluation | None = None) -> int:
    """Microcredits that a drill may cost at most, at the prices of its routes."""
    calls = math.ceil(plan.rate * plan.whole_seconds * _SLACK / len(plan.routes)) + 2
    total = 0
    for alias in plan.routes:
        kind = config.route[alias].kind
        asked = read_question(kind, json.dumps(question(kind, alias, stream=False)).encode())
        total += calls * _bound(config, asked, OUTPUT_TOKENS)
        if evaluation is not None and kind is Kind.CHAT:
            items = [read_question(kind, json.dumps(item.body(alias)).encode()) for item in evaluation.items]
            total += len(PhaseName) * sum(_bound(config, item, MOST_OUTPUT) for item in items)
    return total


def _bound(config: GatewayConfig, asked: Question, output: int) -> int:
    route = config.route[asked.model]
    most = 0 if asked.kind is Kind.EMBEDDING else min(output, route.most_output_tokens)
    return upper_bound(price_of(route.price), asked.prompt_bytes, asked.items, most, asked.images)


@contextmanager
def drill_key(operator: Operator, plan: Plan, need: int, actor: str) -> Iterator[str]:
    """The secret of a key that opens inside the block only, for a project with at least ``need`` microcredits left."""
    _provide(operator, need, actor)
    name = f"drill-{token(4)}"
    scope = Scope(
        routes=tuple(plan.routes),
        highest=plan.data_class,
        requests_a_minute=LIMITS["requests_a_minute"],
        tokens_a_minute=LIMITS["tokens_a_minute"],
        streams=LIMITS["streams"],
    )
    life = timedelta(seconds=plan.whole_seconds) + timedelta(minutes=10)
    made = operations.create_key(PROJECT, name, scope, actor, life)
    try:
        yield made.secret
    finally:
        operations.revoke_key(made.key.id, actor)


def _provide(operator: Operator, need: int, actor: str) -> None:
    try:
        queries.find_project(PROJECT)
    except ProjectNotFound:
        operations.create_project(PROJECT, _TITLE, actor)
    granted = sum(one.amount for one in queries.list_grants(PROJECT))
    used = operator.state(PROJECT)["balance"]
    missing = need - (granted - used["spent"] - used["reserved"])
    if missing > 0:
        operations.grant(PROJECT, missing, "For a drill, at most", actor)


def kinds_of(config: GatewayConfig, plan: Plan) -> Mapping[str, Kind]:
    """The kind of each route of ``plan``."""
    return {alias: config.route[alias].kind for alias in plan.routes}
