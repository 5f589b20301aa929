"""Where a call may go: pure decisions on attested facts, and no wherever something is unknown.

Nothing here reads a clock, a database or the network; ``decide`` is asked again for every attempt of a call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from jazari.gateway.cards import ResidencyCard, ResidencyRule
from jazari.gateway.countries import ANY, COUNTRIES
from jazari.gateway.words import DataClass


class Reason(StrEnum):
    """Why a call may or may not go to a provider; the codes of decisions, in the order in which they are looked for."""

    NO_POLICY = "no-policy"
    POLICY_EXPIRED = "policy-expired"
    NO_FACTS = "no-facts"
    ISSUER_NOT_NAMED = "issuer-not-named"
    FACTS_EXPIRED = "facts-expired"
    NO_RULE = "no-rule"
    OPERATOR_NOT_ALLOWED = "operator-not-allowed"
    HOSTING_UNKNOWN = "hosting-unknown"
    HOSTING_NOT_ALLOWED = "hosting-not-allowed"
    KEEPING_UNKNOWN = "keeping-unknown"
    KEPT_TOO_LONG = "kept-too-long"
    TRAINING_UNKNOWN = "training-unknown"
    TRAINS_ON_PROMPTS = "trains-on-prompts"
    NOT_PASSED_ON = "not-passed-on"
    BEYOND_OFFER = "beyond-offer"
    ALLOWED = "allowed"


@dataclass(frozen=True)
class Facts:
    """What ``issuer`` attests in ``record`` about ``provider``. Countries are ISO 3166-1 alpha-2; None is unknown."""

    provider: str
    operator: str
    hosting: tuple[str, ...]
    kept_days: int | None
    trains: bool | None
    issuer: str
    record: str
    valid_until: date


@dataclass(frozen=True)
class Residency:
    """A node's own policy and the record of its log that states it."""

    record: str
    card: ResidencyCard


@dataclass(frozen=True)
class Decision:
    """Whether data of a class may go to a provider.

    ``code`` is a ``Reason``; ``policy`` the record that decided, empty without one; ``rule`` the number, from 1, of the
    rule that allowed it, None where none did.
    """

    allowed: bool
    code: Reason
    sentence: str
    policy: str = ""
    rule: int | None = None


def decide(residency: Residency | None, data_class: DataClass, facts: Facts | None, today: date) -> Decision:
    """Whether data of ``data_class`` may go to the provider that ``facts`` describe, on ``today``."""
    if residency is None:
        return _no(Reason.NO_POLICY, "This node has no residency policy, so nothing may be sent: publish one.")
    objection = _before_rules(residency, facts, today)
    if objection is not None or facts is None:
        return objection or _without_facts(residency.record)
    return _by_rules(residency, data_class, facts)


def _before_rules(residency: Residency, facts: Facts | None, today: date) -> Decision | None:
    policy = residency.record
    until = date.fromisoformat(residency.card.valid_until)
    if today > until:
        return _no(Reason.POLICY_EXPIRED, f"The policy {policy} ended on {until}: publish its next version.", policy)
    if facts is None:
        return _without_facts(policy)
    if facts.issuer not in residency.card.issuers:
        sentence = f"The policy does not name {facts.issuer} among those whose word on providers counts."
        return _no(Reason.ISSUER_NOT_NAMED, sentence, policy)
    if today > facts.valid_until:
        sentence = f"What {facts.record} attests ended on {facts.valid_until}: ask {facts.issuer} for its next version."
        return _no(Reason.FACTS_EXPIRED, sentence, policy)
    return None


def _without_facts(policy: str) -> Decision:
    sentence = "Nobody attests who runs this provider and where, so nothing may be sent to it: name a valid card."
    return _no(Reason.NO_FACTS, sentence, policy)


def _by_rules(residency: Residency, data_class: DataClass, facts: Facts) -> Decision:
    objections: list[tuple[int, Reason, str]] = []
    for number, rule in enumerate(residency.card.rules, start=1):
        if rule.data_class is not data_class:
            continue
        objection = next(_objections(rule, facts), None)
        if objection is None:
            sentence = f"Rule {number} of {residency.record} allows {data_class} data at {facts.provider}."
            return Decision(True, Reason.ALLOWED, sentence, residency.record, number)
        objections.append((number, *objection))
    return _refused(residency.record, data_class, facts.provider, objections)


def _refused(
    policy: str, data_class: DataClass, provider: str, objections: Sequence[tuple[int, Reason, str]]
) -> Decision:
    """The refusal by the rule that came nearest, with what each of them says."""
    if not objections:
        return _no(Reason.NO_RULE, f"The policy has no rule for {data_class} data, so they go nowhere.", policy)
    nearest = max((reason for _number, reason, _why in objections), key=list(Reason).index)
    why = "; ".join(f"rule {number}: {text}" for number, _reason, text in objections)
    return _no(nearest, f"The policy does not let {data_class} data go to {provider} ({why}).", policy)


def _objections(rule: ResidencyRule, facts: Facts) -> Iterator[tuple[Reason, str]]:
    """What ``rule`` has against the provider, in the order of ``Reason``."""
    if not _covers(rule.operators, facts.operator):
        yield Reason.OPERATOR_NOT_ALLOWED, f"its operator is under the law of {facts.operator or 'an unknown country'}"
    if not facts.hosting:
        yield Reason.HOSTING_UNKNOWN, "where it is hosted is unknown"
    outside = [country or "an unknown country" for country in facts.hosting if not _covers(rule.hosting, country)]
    if outside:
        yield Reason.HOSTING_NOT_ALLOWED, f"it is hosted in {', '.join(outside)}"
    yield from _about_prompts(rule, facts)


def _covers(allowed: Sequence[str], country: str) -> bool:
    """Whether a country that exists is among those allowed: ``any`` covers no unknown one."""
    return country in COUNTRIES and (ANY in allowed or country in allowed)


def _about_prompts(rule: ResidencyRule, facts: Facts) -> Iterator[tuple[Reason, str]]:
    if rule.most_kept_days is not None:
        if facts.kept_days is None:
            yield Reason.KEEPING_UNKNOWN, "how long it keeps prompts is unknown"
        elif facts.kept_days > rule.most_kept_days:
            days = f"{facts.kept_days} days and not at most {rule.most_kept_days}"
            yield Reason.KEPT_TOO_LONG, f"it keeps prompts for {days}"
    if rule.no_training:
        if facts.trains is None:
            yield Reason.TRAINING_UNKNOWN, "whether it trains on prompts is unknown"
        elif facts.trains:
            yield Reason.TRAINS_ON_PROMPTS, "it trains on prompts"


def _no(reason: Reason, sentence: str, policy: str = "") -> Decision:
    return Decision(False, reason, sentence, policy)
