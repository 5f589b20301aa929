"""The pages on the gateway say what its code says: the API, a drill's settings and words, the policy's decisions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jazari.catalog.cards.base import Card
from jazari.gateway.cards import ProviderCard, ResidencyCard, ResidencyRule
from jazari.gateway.configuration import parse_gateway
from jazari.gateway.drills.dry_run import Effect
from jazari.gateway.drills.evaluation import read_evaluation
from jazari.gateway.policy import Reason
from tests.docs import api_page, errors_page
from tests.docs.source import REPOSITORY

RUN = (REPOSITORY / "docs" / "how-to" / "run-a-gateway.md").read_text(encoding="utf-8")
DRILL = (REPOSITORY / "docs" / "how-to" / "drill-a-gateway.md").read_text(encoding="utf-8")
POLICY = (REPOSITORY / "docs" / "reference" / "residency-policy.md").read_text(encoding="utf-8")
SETTINGS = (
    '[provider.campus]\ncard = "rabat/provider/campus@1"\nprotocol = "openai"\naddress = "https://a.example/v1"\n'
)
ROUTE = '[route.chat]\nkind = "chat"\ntargets = [{ provider = "campus", model = "small" }]\n'


def blocks(page: str, kind: str) -> list[str]:
    """The blocks of a kind on a page."""
    return re.findall(rf"^```{kind}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def block(page: str, kind: str) -> str:
    """The only one."""
    (found,) = blocks(page, kind)
    return found


def first_cells(page: str, title: str) -> list[str]:
    """The first cell of each row of the table below a title."""
    section = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [line.split(" | ")[0].strip("| ") for line in section.splitlines() if line.startswith("| ")][1:]


def test_the_page_of_the_api_is_that_of_the_code() -> None:
    written = errors_page.written()
    assert api_page.PAGE.read_text(encoding="utf-8") == api_page.render(written), (
        "run `python -m tests.docs.write_reference` and read what changed"
    )


@pytest.mark.parametrize("page", [RUN, POLICY], ids=["run a gateway", "residency policy"])
def test_the_cards_of_the_examples_are_valid(page: str) -> None:
    types: dict[str, type[Card]] = {"provider": ProviderCard, "residency": ResidencyCard}
    for text in blocks(page, "json"):
        draft = json.loads(text)
        types[draft["type"]].model_validate_json(json.dumps(draft["card"]))


def test_the_settings_of_the_example_are_valid() -> None:
    config = parse_gateway(block(RUN, "toml"))
    (card,) = [json.loads(text)["card"] for text in blocks(RUN, "json") if '"provider"' in text]
    assert config.models_of("embedded") == tuple(model["name"] for model in card["models"])


def test_the_schedule_of_the_example_is_valid() -> None:
    settings = parse_gateway(SETTINGS + ROUTE + block(DRILL, "toml")).drill
    assert settings is not None
    assert settings.cut == "campus"


def test_the_questions_of_the_example_are_valid(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(block(DRILL, "json"), encoding="utf-8")
    items = read_evaluation(path).items
    assert [item.matches("AL-JAZARI did.") for item in items] == [True, False]
    assert [item.matches(" 4\n") for item in items] == [False, True]


@pytest.mark.parametrize("effect", list(Effect))
def test_every_word_of_the_dry_run_is_explained(effect: Effect) -> None:
    assert str(effect) in first_cells(DRILL, "1. See what would stop")


def test_every_decision_of_the_policy_in_the_order_in_which_it_is_looked_for() -> None:
    codes = [code for cell in first_cells(POLICY, "Decisions") for code in re.findall(r"`([a-z-]+)`", cell)]
    assert codes == [str(reason) for reason in Reason]


def test_every_field_of_the_policy() -> None:
    fields = [cell.strip("`") for cell in first_cells(POLICY, "The policy: a `residency` card in the node's own log")]
    assert [name for name in fields if name != "field"] == [*ResidencyCard.model_fields, *ResidencyRule.model_fields]
