"""The policy says no by default, and to whatever it does not know."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jazari.gateway.policy import Decision, Facts, Reason, Residency, decide
from jazari.gateway.tests.policy_builders import policy, rule
from jazari.gateway.words import DataClass

TODAY = date(2026, 11, 26)
CAMPUS = Facts("campus", "MA", ("MA",), 0, False, "rabat", "rabat/provider/campus@1", date(2027, 1, 1))
PERSONAL = policy(rule("personal", most_kept_days=0))


def personal(facts: Facts | None, residency: Residency | None = PERSONAL, today: date = TODAY) -> Decision:
    return decide(residency, DataClass.PERSONAL, facts, today)


def test_what_a_rule_allows_is_allowed_and_says_by_which_rule() -> None:
    assert personal(CAMPUS) == Decision(
        True,
        Reason.ALLOWED,
        "Rule 1 of rabat/residency/main@1 allows personal data at campus.",
        "rabat/residency/main@1",
        1,
    )


@pytest.mark.parametrize(
    ("facts", "reason", "words"),
    [
        (None, Reason.NO_FACTS, "Nobody attests"),
        (replace(CAMPUS, issuer="dakhla"), Reason.ISSUER_NOT_NAMED, "does not name dakhla"),
        (replace(CAMPUS, valid_until=date(2026, 11, 25)), Reason.FACTS_EXPIRED, "ended on 2026-11-25"),
        (replace(CAMPUS, operator="US"), Reason.OPERATOR_NOT_ALLOWED, "law of US"),
        (replace(CAMPUS, operator=""), Reason.OPERATOR_NOT_ALLOWED, "an unknown country"),
        (replace(CAMPUS, hosting=()), Reason.HOSTING_UNKNOWN, "is unknown"),
        (replace(CAMPUS, hosting=("MA", "FR")), Reason.HOSTING_NOT_ALLOWED, "hosted in FR"),
        (replace(CAMPUS, kept_days=None), Reason.KEEPING_UNKNOWN, "is unknown"),
        (replace(CAMPUS, kept_days=30), Reason.KEPT_TOO_LONG, "30 days and not at most 0"),
        (replace(CAMPUS, trains=None), Reason.TRAINING_UNKNOWN, "is unknown"),
        (replace(CAMPUS, trains=True), Reason.TRAINS_ON_PROMPTS, "trains on prompts"),
    ],
)
def test_each_doubt_refuses_and_names_itself(facts: Facts | None, reason: Reason, words: str) -> None:
    decision = personal(facts)
    assert (decision.allowed, decision.code, decision.rule) == (False, reason, None)
    assert words in decision.sentence
    assert decision.policy == "rabat/residency/main@1"


def test_without_a_policy_nothing_goes_anywhere() -> None:
    assert personal(CAMPUS, None).code is Reason.NO_POLICY


def test_the_last_day_counts_and_the_day_after_does_not() -> None:
    short = policy(rule("personal"), valid_until="2026-11-26")
    assert personal(CAMPUS, short).allowed
    assert personal(CAMPUS, short, date(2026, 11, 27)).code is Reason.POLICY_EXPIRED


@pytest.mark.parametrize("other", [word for word in DataClass if word is not DataClass.PERSONAL])
def test_no_rule_follows_from_that_of_another_class(other: DataClass) -> None:
    assert decide(PERSONAL, other, CAMPUS, TODAY).code is Reason.NO_RULE


def test_any_covers_every_country_but_not_an_unknown_one() -> None:
    open_to_all = policy(rule("personal", operators=["any"], hosting=["any"]))
    assert personal(replace(CAMPUS, operator="US", hosting=("US", "SG")), open_to_all).allowed
    assert personal(replace(CAMPUS, hosting=()), open_to_all).code is Reason.HOSTING_UNKNOWN


def test_an_operator_that_nobody_knows_is_not_covered_by_any() -> None:
    open_to_all = policy(rule("personal", operators=["any"], hosting=["any"]))
    assert personal(replace(CAMPUS, operator=""), open_to_all).code is Reason.OPERATOR_NOT_ALLOWED


def test_rules_of_one_class_are_alternatives_and_a_refusal_tells_what_each_says() -> None:
    two = policy(rule("personal", most_kept_days=0), rule("personal", operators=["FR"], hosting=["FR"]))
    assert personal(replace(CAMPUS, operator="FR", hosting=("FR",)), two).rule == 2
    refused = personal(replace(CAMPUS, kept_days=9), two)
    assert refused.code is Reason.KEPT_TOO_LONG
    assert "rule 1: it keeps" in refused.sentence
    assert "rule 2: its operator" in refused.sentence


COUNTRY = st.sampled_from(["MA", "FR", "US"])
COUNTRIES = st.one_of(st.just(["any"]), st.lists(COUNTRY, min_size=1, max_size=3, unique=True))
RULES = st.lists(
    st.builds(
        rule,
        st.sampled_from([word.value for word in DataClass]),
        operators=COUNTRIES,
        hosting=COUNTRIES,
        most_kept_days=st.none() | st.integers(0, 40),
        no_training=st.booleans(),
    ),
    max_size=5,
)
FACTS = st.builds(
    Facts,
    provider=st.just("p"),
    operator=COUNTRY,
    hosting=st.lists(COUNTRY, max_size=3).map(tuple),
    kept_days=st.none() | st.integers(0, 40),
    trains=st.none() | st.booleans(),
    issuer=st.sampled_from(["rabat", "dakhla"]),
    record=st.just("rabat/provider/p@1"),
    valid_until=st.dates(date(2026, 11, 20), date(2026, 12, 2)),
)
CLASSES = st.sampled_from(list(DataClass))


@given(RULES, st.data(), CLASSES, FACTS)
def test_taking_a_rule_away_never_allows_more(rules, data, data_class, facts) -> None:
    kept = data.draw(st.lists(st.sampled_from(range(len(rules))), unique=True).map(sorted) if rules else st.just([]))
    fewer = policy(*(rules[index] for index in kept))
    if decide(fewer, data_class, facts, TODAY).allowed:
        assert decide(policy(*rules), data_class, facts, TODAY).allowed


@given(RULES, CLASSES, FACTS)
def test_what_is_allowed_meets_every_condition_of_the_rule_that_is_named(rules, data_class, facts) -> None:
    decision = decide(policy(*rules), data_class, facts, TODAY)
    if decision.allowed:
        assert decision.rule is not None
        named = rules[decision.rule - 1]
        assert named["data_class"] == data_class
        assert named["operators"] == ["any"] or facts.operator in named["operators"]
        assert facts.hosting
        assert named["hosting"] == ["any"] or set(facts.hosting) <= set(named["hosting"])
        assert named["most_kept_days"] is None or facts.kept_days <= named["most_kept_days"]
        assert not named["no_training"] or facts.trains is False
        assert facts.issuer == "rabat"
        assert facts.valid_until >= TODAY


@given(RULES, CLASSES, FACTS, st.sampled_from(["hosting", "operator", "kept_days", "trains"]))
def test_knowing_less_never_allows_more(rules, data_class, facts, forgotten) -> None:
    nothing = {"hosting": (), "operator": "", "kept_days": None, "trains": None}[forgotten]
    if decide(policy(*rules), data_class, replace(facts, **{forgotten: nothing}), TODAY).allowed:
        assert decide(policy(*rules), data_class, facts, TODAY).allowed


@given(RULES, CLASSES, FACTS)
def test_what_no_rule_of_the_class_allows_is_refused(rules, data_class, facts) -> None:
    others = [one for one in rules if one["data_class"] != data_class]
    assert not decide(policy(*others), data_class, facts, TODAY).allowed
