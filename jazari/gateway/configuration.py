"""``gateway/gateway.toml``: where the gateway listens, who computes, and which aliases lead to whom.

Everything is checked when it is read, so that the gateway refuses to start rather than to serve by half a file.
Secrets are not in it: it names where they are (``secrets``).
"""

from __future__ import annotations

import ipaddress
import json
import tomllib
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from jazari.catalog.cards.base import Reference
from jazari.catalog.registry import explain
from jazari.catalog.texts import Line, Title
from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import RecordRef, check_name
from jazari.federation.cut_off import REGISTRY, ROOT
from jazari.gateway.addresses import Reach, address_of, check_address
from jazari.gateway.cards import MOST_KEPT_DAYS, HttpsAddress, ModelName, a_namespace
from jazari.gateway.countries import ANY, Country
from jazari.gateway.errors import AddressRefused, BadGatewayConfig
from jazari.gateway.listening import FILE, HOST, PORT, read_text
from jazari.gateway.provider_address import check_provider_url
from jazari.gateway.proxy.severing import Mode
from jazari.gateway.scripts import Script
from jazari.gateway.secrets import check_secret_place
from jazari.gateway.words import DataClass, Kind, Protocol

Seconds = Annotated[float, Field(gt=0, le=3600)]
Credits = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6)]
Weight = Annotated[Decimal, Field(gt=0, le=100, decimal_places=6)]


def _name(name: str) -> str:
    try:
        return check_name(name)
    except BadIdentifier as error:
        raise ValueError(str(error)) from error


Name = Annotated[str, AfterValidator(_name)]
Alias = Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*$")]
"""What a client writes as ``model``: ``chat``, ``mistral-small-3.2``."""
SecretPlace = Annotated[str, Field(max_length=300), AfterValidator(check_secret_place)]


class _Settings(BaseModel):
    # Strict, and read from JSON: a number in quotes is refused, while a text becomes a word or an exact decimal.
    model_config = ConfigDict(defer_build=True, extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class PriceText(_Settings):
    """Inference credits for 1000 tokens of prompt and of answer, exact.

    ``weights`` multiply the price of text in a script, so that a language does not pay for how tokens are cut.
    """

    input: Credits = Decimal(0)
    output: Credits = Decimal(0)
    weights: dict[str, Weight] = Field(default_factory=dict)

    @field_validator("weights")
    @classmethod
    def _known_scripts(cls, weights: dict[str, Decimal]) -> dict[str, Decimal]:
        unknown = sorted(set(weights) - set(Script))
        if unknown:
            raise ValueError(f"{unknown[0][:40]!r} is no script: use {', '.join(Script)}")
        return weights


class ProviderConfig(_Settings):
    """``[provider.NAME]``: who computes, as this node reaches it.

    ``card`` is the record that attests who runs it. ``private_address``: it may be on loopback, a private or link-local
    address; else such addresses are refused when they are dialled. ``image_addresses``: one that is in the node's own
    network, or embedded, is given images by address too, and may fetch from there. ``most_at_once`` counts calls;
    ``threads`` is of the embedded engine, None for its own choice.
    """

    card: Reference
    protocol: Protocol
    address: str | None = None
    secret: SecretPlace | None = None
    private_address: bool = False
    image_addresses: bool = False
    most_at_once: int = Field(default=16, ge=1, le=10_000)
    threads: int | None = Field(default=None, ge=1, le=1024)

    @field_validator("card")
    @classmethod
    def _of_a_provider(cls, card: str) -> str:
        if RecordRef.parse(card).type != "provider":
            raise ValueError("name a record of type provider, NAMESPACE/provider/NAME@VERSION")
        return card

    @model_validator(mode="after")
    def _reachable(self) -> ProviderConfig:
        if self.protocol is Protocol.EMBEDDED:
            if self.address is not None or self.secret is not None or self.private_address:
                raise ValueError("an embedded provider has no address and no secret: leave them out")
            return self
        if self.threads is not None:
            raise ValueError("only an embedded provider has threads")
        if self.address is None:
            raise ValueError("the address is missing")
        if self.protocol is Protocol.JAZARI and (self.secret is not None or not self.address.startswith("https://")):
            raise ValueError("another institute's gateway has an https address, and no secret: this node signs")
        _check_reach(self.address, self.reach)
        return self

    @cached_property
    def takes_image_addresses(self) -> bool:
        """Whether it may be told to fetch an image: from inside the own network only if the operator says so."""
        return self.image_addresses or self.reach is Reach.PUBLIC

    @property
    def reach(self) -> Reach:
        """Which addresses the gateway may dial for it. Without TLS, and for the embedded engine, only private ones."""
        if self.protocol is Protocol.EMBEDDED:
            return Reach.PRIVATE_ONLY
        if not self.private_address:
            return Reach.PUBLIC
        return Reach.PRIVATE_TOO if (self.address or "").startswith("https://") else Reach.PRIVATE_ONLY


def _check_reach(address: str, reach: Reach) -> None:
    parts = check_provider_url(address)
    if parts.scheme == "http" and reach is not Reach.PRIVATE_ONLY:
        raise ValueError("write https, or set private_address = true for a machine in your own network")
    literal = address_of(parts.hostname or "")
    if literal is not None:
        try:
            check_address(literal, reach)
        except AddressRefused as error:
            raise ValueError(str(error)) from error


class Target(_Settings):
    """A provider and the model that it is asked for; ``weight`` is its share in a weighted route."""

    provider: Name
    model: ModelName
    weight: int = Field(default=1, ge=1, le=1000)


class RouteConfig(_Settings):
    """``[route.ALIAS]``: what a client asks for by ``ALIAS``, and who may answer.

    ``ordered`` tries targets as written, ``weighted`` in an order drawn by weight. Seconds: to connect, to the first
    token, between tokens, and for one attempt in all. ``attempts`` counts targets tried before the first byte.
    """

    kind: Kind
    order: Literal["ordered", "weighted"] = "ordered"
    targets: tuple[Target, ...] = Field(min_length=1, max_length=50)
    connect_seconds: Seconds = 3
    first_token_seconds: Seconds = 30
    stall_seconds: Seconds = 20
    whole_seconds: Seconds = 600
    attempts: int = Field(default=3, ge=1, le=10)
    price: PriceText = Field(default_factory=PriceText)
    most_output_tokens: int = Field(default=4096, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _sound(self) -> RouteConfig:
        pairs = [(target.provider, target.model) for target in self.targets]
        if len(set(pairs)) != len(pairs):
            raise ValueError("a target is listed twice")
        if self.order == "ordered" and any("weight" in target.model_fields_set for target in self.targets):
            raise ValueError('weights count only with order = "weighted"')
        if max(self.connect_seconds, self.first_token_seconds, self.stall_seconds) > self.whole_seconds:
            raise ValueError("no time-out may be longer than whole_seconds")
        return self


class DrillSettings(_Settings):
    """``[drill]``: what the worker cuts off every ``every_days`` days, for ``seconds``, and publishes what that did.

    Calls are made at ``rate`` a second, also ``around`` seconds before and after. Without ``routes``: all that the
    provider serves.
    """

    cut: Name
    mode: Mode = Mode.REFUSE
    seconds: float = Field(default=30, ge=1, le=120)
    around: float = Field(default=20, ge=1, le=60)
    rate: float = Field(default=5, gt=0, le=100)
    every_days: int = Field(default=30, ge=1, le=366)
    routes: tuple[Alias, ...] = Field(default=(), max_length=100)
    data_class: DataClass = DataClass.PUBLIC


class OfferConfig(_Settings):
    """``[offer]``: routes that other institutes' gateways may use, and what this node states about them.

    ``operator`` to ``trains_on_prompts`` go on the card ``card`` of this node's log: calls of other institutes go only
    to targets that keep within them. ``keeps`` is in days; absent: not stated. ``institutes`` names who may call, or
    ``any`` alone. Credits, requests, tokens and streams are for each institute; a month is one of UTC.
    """

    card: Name = "gateway"
    title: Title
    operator: Line
    jurisdiction: Country
    hosting: tuple[Country, ...] = Field(min_length=1, max_length=60)
    keeps: int | None = Field(default=None, ge=0, le=MOST_KEPT_DAYS)
    trains_on_prompts: bool | None = None
    address: HttpsAddress | None = None
    certificate: Literal["node", "authority"] = "node"
    routes: tuple[Alias, ...] = Field(min_length=1, max_length=1000)
    institutes: tuple[str, ...] = Field(min_length=1, max_length=1000)
    highest: DataClass
    credits_a_month: Credits
    requests_a_minute: int = Field(default=60, ge=1, le=1_000_000)
    tokens_a_minute: int = Field(default=100_000, ge=1, le=1_000_000_000)
    streams: int = Field(default=8, ge=1, le=10_000)

    @field_validator("institutes")
    @classmethod
    def _any_alone(cls, institutes: tuple[str, ...]) -> tuple[str, ...]:
        if ANY in institutes and len(institutes) > 1:
            raise ValueError("`any` stands alone")
        for name in institutes:
            if name != ANY:
                a_namespace(name)
        return institutes

    def is_for(self, institute: str) -> bool:
        """Whether ``institute`` may call."""
        return ANY in self.institutes or institute in self.institutes


class GatewayConfig(_Settings):
    """The whole file. ``policy`` is the name of the residency card in this node's own log.

    ``tls``: ``auto`` speaks plain HTTP on loopback and TLS with the node's certificate elsewhere; ``always`` TLS.
    ``metrics``: who sees ``/metrics`` and the details of ``/readyz``. ``traces``: the whole address of a collector
    that speaks OTLP over HTTP; None sends none.
    """

    host: str = Field(default=HOST, max_length=253)
    port: int = Field(default=PORT, ge=1, le=65_535)
    tls: Literal["auto", "always"] = "auto"
    policy: Name = "main"
    metrics: Literal["loopback", "all"] = "loopback"
    traces: str | None = Field(default=None, max_length=300)
    provider: dict[Name, ProviderConfig] = Field(default_factory=dict, max_length=1000)
    route: dict[Alias, RouteConfig] = Field(default_factory=dict, max_length=1000)
    drill: DrillSettings | None = None
    offer: OfferConfig | None = None

    @field_validator("host")
    @classmethod
    def _usable_host(cls, host: str) -> str:
        if host != "localhost" and address_of(host) is None:
            raise ValueError("write an IP address of this machine, 0.0.0.0 for all, or localhost")
        return host

    @field_validator("traces")
    @classmethod
    def _usable_collector(cls, traces: str | None) -> str | None:
        if traces is not None:
            check_provider_url(traces)
        return traces

    @model_validator(mode="after")
    def _known_providers(self) -> GatewayConfig:
        for alias, route in self.route.items():
            unknown = [target.provider for target in route.targets if target.provider not in self.provider]
            if unknown:
                raise ValueError(f"the route {alias} names the provider {unknown[0]}, which is not declared")
        return self

    @model_validator(mode="after")
    def _can_be_drilled(self) -> GatewayConfig:
        taken = sorted({REGISTRY, ROOT} & set(self.provider))
        if taken:
            raise ValueError(f"no provider can be called {taken[0]}: drills mean something else by it")
        if self.drill is not None:
            if self.drill.cut not in {REGISTRY, ROOT, *self.provider}:
                raise ValueError(f"the drill cuts {self.drill.cut}, which is neither a provider, registry nor root")
            unknown = [alias for alias in self.drill.routes if alias not in self.route]
            if unknown:
                raise ValueError(f"the drill names the route {unknown[0]}, which is not declared")
        return self

    @model_validator(mode="after")
    def _known_routes(self) -> GatewayConfig:
        unknown = [alias for alias in (self.offer.routes if self.offer else ()) if alias not in self.route]
        if unknown:
            raise ValueError(f"the offer names the route {unknown[0]}, which is not declared")
        return self

    @cached_property
    def uses_tls(self) -> bool:
        """Whether the gateway listens with TLS; plain HTTP never leaves the machine."""
        loopback = self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        return self.tls == "always" or not loopback

    @property
    def address(self) -> str:
        """The base of the API for clients on this machine, ``http[s]://HOST:PORT/v1``."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  to be dialled
        scheme = "https" if self.uses_tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    def cut_with(self, what: str, root: str) -> tuple[str, ...]:
        """The providers that a cut of ``what`` severs: itself, or for the Root its gateway, by who signs its card.

        ``root`` is the namespace of the Root's node.
        """
        if what != ROOT:
            return (what,) if what in self.provider else ()
        nodes = {name: one.card for name, one in self.provider.items() if one.protocol is Protocol.JAZARI}
        return tuple(name for name, card in nodes.items() if RecordRef.parse(card).namespace == root)

    def models_of(self, provider: str) -> tuple[str, ...]:
        """The models that routes ask of ``provider``, each once."""
        asked = (target for route in self.route.values() for target in route.targets if target.provider == provider)
        return tuple(dict.fromkeys(target.model for target in asked))


def read_gateway(home: Path) -> GatewayConfig:
    """The gateway's settings below ``home``; ``GatewayMissing`` or ``BadGatewayConfig`` where there are none to use."""
    try:
        return parse_gateway(read_text(home))
    except BadGatewayConfig as error:
        path = str(home / FILE)
        raise error if str(error).startswith(path) else BadGatewayConfig(f"{path}: {error}") from error


def parse_gateway(text: str) -> GatewayConfig:
    """The settings that the TOML ``text`` holds; ``BadGatewayConfig`` names the first thing that is wrong."""
    try:
        return GatewayConfig.model_validate_json(json.dumps(tomllib.loads(text), default=_no_date))
    except ValidationError as error:
        raise BadGatewayConfig(f"{explain(error)}; correct it.") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadGatewayConfig(f"it is not valid TOML: {error}; correct it.") from error


def _no_date(value: Any) -> str:
    raise BadGatewayConfig(f"{str(value)[:40]} is a date or a time, which no setting is; correct it.")


def default_text() -> str:
    """A first ``gateway.toml``: valid as it is, without providers, with examples to uncomment."""
    return Path(__file__).with_name("gateway.toml").read_text(encoding="utf-8")
