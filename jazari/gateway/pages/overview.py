"""Routes, providers and policy: who answers, where, by whose word, and why a call would go where."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from jazari.accounts.access import may, requires
from jazari.accounts.rules import Permission
from jazari.catalog.models import CatalogItem
from jazari.core import clock
from jazari.gateway.cards import ProviderCard
from jazari.gateway.checking import classes_of, explain_offline, problems_of
from jazari.gateway.configuration import GatewayConfig, RouteConfig
from jazari.gateway.forms import ExplainForm
from jazari.gateway.knowledge import Knowledge
from jazari.gateway.pages.home import settings_and_records, with_gateway
from jazari.gateway.policy import decide
from jazari.gateway.policy_table import tables_of
from jazari.gateway.running_state import RunningState, ask_running
from jazari.gateway.words import DataClass


@require_safe
@requires(Permission.SEE_GATEWAY)
@with_gateway
def index(request: HttpRequest) -> HttpResponseBase:
    """Routes and providers. How the gateway is doing is for those who may read it."""
    home, config, known = settings_and_records()
    operating = may(request).has(Permission.READ_GATEWAY)
    state = ask_running(home, config) if operating else None
    context = {
        "config": config,
        "state": state,
        "routes": [_route(alias, route, config, known, state) for alias, route in config.route.items()],
        "providers": [_provider(name, config, known, state) for name in config.provider],
        "policy": known.residency,
        "problems": problems_of(home, config) if operating else [],
    }
    return render(request, "gateway/index.html", context)


@require_safe
@requires(Permission.SEE_GATEWAY)
@with_gateway
def policy(request: HttpRequest) -> HttpResponseBase:
    """The residency policy as tables, and what it says of each provider."""
    _home, config, known = settings_and_records()
    residency, today = known.residency, clock.now().date()
    places = sorted({place for facts in known.facts.values() for place in (facts.operator, *facts.hosting)})
    decisions = [
        (name, [(one, decide(residency, one, known.facts.get(name), today)) for one in DataClass])
        for name in config.provider
    ]
    context = {
        "policy": residency,
        "record": CatalogItem.objects.filter(ref=residency.record).first() if residency else None,
        "tables": tables_of(residency.card, places) if residency else [],
        "decisions": decisions,
        "classes": list(DataClass),
        "problem": known.problems.get("policy"),
    }
    return render(request, "gateway/policy.html", context)


@require_safe
@requires(Permission.SEE_GATEWAY)
@with_gateway
def explain(request: HttpRequest) -> HttpResponseBase:
    """Why a call by a route would go where, as ``jazari routes explain`` says it."""
    home, config, known = settings_and_records()
    form = ExplainForm(list(config.route), request.GET or None)
    context: dict[str, Any] = {"form": form, "explanation": None}
    status = 200
    if form.is_bound:
        status = 400
        if form.is_valid():
            status = 200
            alias, data_class = form.cleaned_data["route"], DataClass(form.cleaned_data["data_class"])
            explanation = explain_offline(alias, config.route[alias], config, known, data_class)
            state = ask_running(home, config) if may(request).has(Permission.READ_GATEWAY) else None
            targets = [
                {
                    "report": one,
                    "problem": known.problems.get(one.provider),
                    "health": state.health(one.provider) if state else "",
                }
                for one in explanation.targets
            ]
            first = next((one.provider for one in explanation.targets if one.decision.allowed), None)
            context |= {"explanation": explanation, "targets": targets, "first": first, "data_class": data_class}
    return render(request, "gateway/explain.html", context, status=status)


@require_safe
@requires(Permission.SEE_GATEWAY)
@with_gateway
def provider(request: HttpRequest, name: str) -> HttpResponseBase:
    """One provider of gateway.toml: what its card attests, who signed it, and what follows."""
    home, config, known = settings_and_records()
    if name not in config.provider:
        raise Http404
    state = ask_running(home, config) if may(request).has(Permission.READ_GATEWAY) else None
    today = clock.now().date()
    context = {
        "one": _provider(name, config, known, state),
        "record": CatalogItem.objects.filter(ref=config.provider[name].card).first(),
        "decisions": [(one, decide(known.residency, one, known.facts.get(name), today)) for one in DataClass],
        "routes": [
            alias for alias, route in config.route.items() if any(target.provider == name for target in route.targets)
        ],
    }
    return render(request, "gateway/provider.html", context)


def _route(
    alias: str, route: RouteConfig, config: GatewayConfig, known: Knowledge, state: RunningState | None
) -> dict[str, Any]:
    return {
        "alias": alias,
        "kind": route.kind,
        "is_weighted": route.order == "weighted",
        "price": route.price,
        "classes": classes_of(alias, route, config, known),
        "targets": [
            {"target": target, "health": state.health(target.provider) if state else ""} for target in route.targets
        ],
    }


def _provider(name: str, config: GatewayConfig, known: Knowledge, state: RunningState | None) -> dict[str, Any]:
    card: ProviderCard | None = known.cards.get(name)
    asked = config.models_of(name)
    return {
        "name": name,
        "card": card,
        "facts": known.facts.get(name),
        "record": config.provider[name].card,
        "problem": known.problems.get(name, ""),
        "models": [model for model in card.models if model.name in asked] if card else [],
        "health": state.health(name) if state else "",
    }
