"""The gateway's cards: what an issuer attests about a provider, and which providers a node's policy lets in.

A ``provider`` card is worth what its issuer is worth: the namespace of the record attests, whoever that is, and a node
believes only the issuers that its own ``residency`` card names. Unknown is written ``null`` and never helps.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from jazari.catalog.cards.base import Card
from jazari.catalog.cards.dataset import Licence
from jazari.catalog.texts import Line, Title
from jazari.core.errors import BadIdentifier
from jazari.core.identifiers import check_namespace
from jazari.gateway.countries import ANY, Country, CountryOrAny
from jazari.gateway.provider_address import check_provider_url
from jazari.gateway.words import DataClass, Kind, Protocol
from jazari.trust.records import Sha256

MOST_KEPT_DAYS = 36_500
MOST_MODELS = 1000


def _calendar_day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _https(address: str) -> str:
    if check_provider_url(address).scheme != "https":
        raise ValueError("write an https address")
    return address


def a_namespace(name: str) -> str:
    """``name`` if an institute can be called so; ``ValueError`` otherwise."""
    try:
        return check_namespace(name)
    except BadIdentifier as error:
        raise ValueError(str(error)) from error


def _each_once(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("one is listed twice")
    return values


CalendarDay = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_calendar_day)]
"""A day that exists, ``2027-06-30``. A text and not a date, so that it can be written in one way only."""
HttpsAddress = Annotated[str, Field(max_length=500), AfterValidator(_https)]
ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,119}$")]
"""How a provider calls a model: ``mistral-small-latest``, ``org/name:tag``."""
Namespace = Annotated[str, AfterValidator(a_namespace)]
Amount = Annotated[str, Field(pattern=r"^(0|[1-9]\d{0,8})(\.\d{1,6})?$")]
"""An exact decimal."""
Fingerprint = Sha256
"""SHA-256 of a TLS certificate (DER)."""


class Operator(Card):
    """Who runs the provider, and whose law can order it to hand over what it sees."""

    name: Line = Field(description="The legal name.")
    jurisdiction: Country = Field(description="The country whose law binds it (ISO 3166-1 alpha-2).")


class ListPrice(Card):
    """What the provider asks in money. For comparison only: credits follow from the route."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(description="ISO 4217, such as `MAD`.")
    input_per_million: Amount = Field(description="For a million tokens of prompt.")
    output_per_million: Amount = Field(description="For a million tokens of answer.")


class ProviderModel(Card):
    """One model that the provider computes."""

    name: ModelName = Field(description="How the provider calls it.")
    kinds: list[Kind] = Field(min_length=1, max_length=3, description="`chat`, `completion`, `embedding`.")
    context_tokens: int = Field(ge=1, le=100_000_000, description="Tokens of prompt and answer together.")
    most_output_tokens: int | None = Field(default=None, ge=1, le=100_000_000, description="Tokens of one answer.")
    images: bool = Field(default=False, description="Whether it takes images.")
    tools: bool = Field(default=False, description="Whether it calls tools.")
    licence: Licence | None = Field(default=None, description="The licence of its weights; null: not open.")
    energy_wh_per_1000_tokens: float | None = Field(default=None, ge=0, le=1e6, description="Watt-hours, estimated.")
    energy_source: Line | None = Field(default=None, description="Where the estimate comes from.")
    price: ListPrice | None = Field(default=None, description="The list price in money.")

    @model_validator(mode="after")
    def _sourced(self) -> ProviderModel:
        if (self.energy_wh_per_1000_tokens is None) != (self.energy_source is None):
            raise ValueError("an energy figure and its source belong together: give both or neither")
        if len(set(self.kinds)) != len(self.kinds):
            raise ValueError("a kind is listed twice")
        return self


class ProviderCard(Card):
    """What the issuer attests about who computes where."""

    title: Title = Field(description="Its name.")
    operator: Operator = Field(description="Who runs it.")
    hosting: Annotated[list[Country], AfterValidator(_each_once)] = Field(
        min_length=1, max_length=60, description="Every country where it computes or stores."
    )
    keeps: int | None = Field(
        ge=0, le=MOST_KEPT_DAYS, description="Days that prompts and answers are kept; 0: not; null: unknown."
    )
    trains_on_prompts: bool | None = Field(description="Whether it trains on what it is sent; null: unknown.")
    protocol: Protocol = Field(description="How it is spoken to: `openai`, `mistral`, `embedded` or `jazari`.")
    address: HttpsAddress | None = Field(default=None, description="Where; null: each node says for itself.")
    certificate: Fingerprint | None = Field(
        default=None,
        description="SHA-256 (hexadecimal, of the DER) of the TLS certificate that a `jazari` provider shows; null: "
        "one of an authority that browsers know.",
    )
    models: list[ProviderModel] = Field(min_length=1, max_length=MOST_MODELS, description="What it computes.")
    valid_until: CalendarDay = Field(description="The last day on which this counts.")

    @model_validator(mode="after")
    def _sound(self) -> ProviderCard:
        names = [model.name for model in self.models]
        if len(set(names)) != len(names):
            raise ValueError("a model is listed twice")
        if self.protocol is Protocol.EMBEDDED and self.address is not None:
            raise ValueError("an embedded provider has no address: leave it out")
        if self.protocol is Protocol.JAZARI and self.address is None:
            raise ValueError("an institute's gateway has an address: give it")
        if self.protocol is not Protocol.JAZARI and self.certificate is not None:
            raise ValueError("only the certificate of a jazari provider is compared: leave it out")
        return self

    def model(self, name: str) -> ProviderModel | None:
        """The model ``name``, or None where the card does not list it."""
        return next((model for model in self.models if model.name == name), None)


class ResidencyRule(Card):
    """Providers that one class of data may go to: every condition must hold, and unknown does not."""

    data_class: DataClass = Field(description="The class: `public`, `internal`, `personal` or `secret`.")
    operators: list[CountryOrAny] = Field(
        min_length=1, max_length=60, description="Jurisdictions of operators that are allowed, or `any` alone."
    )
    hosting: list[CountryOrAny] = Field(
        min_length=1,
        max_length=60,
        description="Countries allowed to host; all of a provider's must be, or `any` alone.",
    )
    most_kept_days: int | None = Field(
        default=None, ge=0, le=MOST_KEPT_DAYS, description="Longest that prompts may be kept; null: not asked."
    )
    no_training: bool = Field(default=True, description="Whether a provider that trains on prompts is refused.")

    @field_validator("operators", "hosting")
    @classmethod
    def _any_alone(cls, countries: list[str]) -> list[str]:
        if ANY in countries and len(countries) > 1:
            raise ValueError("`any` stands alone")
        return _each_once(countries)


class ResidencyCard(Card):
    """A node's own rules on where calls may go. What no rule allows is refused."""

    issuers: Annotated[list[Namespace], AfterValidator(_each_once)] = Field(
        max_length=100, description="Institutes whose provider cards count here."
    )
    rules: list[ResidencyRule] = Field(
        max_length=100, description="Several rules for one class are alternatives; none follows from another class's."
    )
    valid_until: CalendarDay = Field(description="The last day on which calls are allowed by it.")
