"""What keeps a node's gateway from working as its settings say, found without starting it. Needs the database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jazari.core import clock
from jazari.core.errors import JazariError
from jazari.gateway.configuration import GatewayConfig, RouteConfig
from jazari.gateway.embedded import store
from jazari.gateway.embedded.process import INSTALL, has_engine
from jazari.gateway.embedded.settings import wanted_engines
from jazari.gateway.knowledge import Knowledge, read_knowledge
from jazari.gateway.mirrored import known_directory
from jazari.gateway.proxy.tracing import open_traces
from jazari.gateway.routing import Explanation, ProviderState, explain
from jazari.gateway.secrets import read_secret
from jazari.gateway.words import DataClass
from jazari.settings.home import Home


@dataclass(frozen=True)
class Problem:
    """One thing to mend: ``where`` it is, and a sentence on it."""

    where: str
    sentence: str


def problems_of(home: Home, config: GatewayConfig) -> list[Problem]:
    """Everything that is wrong with secrets, certificate, embedded models, cards, policy and routes."""
    known = read_knowledge(config, home.namespace, known_directory(home.mirror))
    named = {"policy": "policy", **{name: f"provider {name}" for name in config.provider}}
    return [
        *_of_the_machine(home, config),
        *_of_secrets(home, config),
        *_of_models(home, config),
        *(Problem(named[name], sentence) for name, sentence in known.problems.items()),
        *_of_routes(config, known),
    ]


def explain_offline(
    alias: str, route: RouteConfig, config: GatewayConfig, known: Knowledge, data_class: DataClass
) -> Explanation:
    """What settings and records decide about ``route``; nothing is known here of providers' health and load."""
    decisions = known.decisions(route, data_class, clock.now().date())
    chosen = {target.provider: config.provider[target.provider] for target in route.targets}
    states = {
        name: ProviderState(most_at_once=one.most_at_once, image_addresses=one.takes_image_addresses)
        for name, one in chosen.items()
    }
    return explain(alias, route, states, decisions)


def classes_of(alias: str, route: RouteConfig, config: GatewayConfig, known: Knowledge) -> list[DataClass]:
    """The data classes for which ``route`` has some provider that the policy allows."""
    return [one for one in DataClass if explain_offline(alias, route, config, known, one).usable]


def _of_the_machine(home: Home, config: GatewayConfig) -> Iterator[Problem]:
    if config.uses_tls and not (home.tls_key.is_file() and home.tls_certificate.is_file()):
        yield Problem("tls", f"{home.path} has no web certificate: restore keys/tls.*, or listen on loopback.")
    try:
        open_traces(config.traces).close()
    except JazariError as error:
        yield Problem("traces", str(error))


def _of_secrets(home: Home, config: GatewayConfig) -> Iterator[Problem]:
    for name, provider in config.provider.items():
        if provider.secret is not None:
            try:
                read_secret(home.path, provider.secret)
            except JazariError as error:
                yield Problem(f"provider {name}", str(error))


def _of_models(home: Home, config: GatewayConfig) -> Iterator[Problem]:
    wanted = sorted({engine.key.model for engine in wanted_engines(config)})
    if wanted and not has_engine():
        yield Problem("embedded engine", f"The embedded engine is not installed: {INSTALL}.")
    for model in wanted:
        try:
            store.find(home.path, model)
        except JazariError as error:
            yield Problem(f"model {model}", str(error))


def _of_routes(config: GatewayConfig, known: Knowledge) -> Iterator[Problem]:
    if not config.route:
        yield Problem("routes", "There is no route, so there is nothing to ask for: add one to gateway.toml.")
    for alias, route in config.route.items():
        if not classes_of(alias, route, config, known):
            targets = explain_offline(alias, route, config, known, DataClass.PUBLIC).targets
            why = "; ".join(f"{target.provider}: {target.decision.code}" for target in targets)
            yield Problem(f"route {alias}", f"The policy lets no call go to any provider of it ({why}).")
