"""The ledger of privacy budgets: never more than allowed, whoever asks, whatever dies, whatever is in the file."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jazari.studies.agreement import StudyText
from jazari.studies.coordinator import Coordinator
from jazari.studies.errors import BrokenContract, BudgetSpent, NoBudget
from jazari.studies.messages import Message, decode, encode
from jazari.studies.notebook import Notebook
from jazari.studies.participant import Participant
from jazari.studies.privacy.budget import Account, Budget, Spending
from jazari.studies.privacy.payment import Payments
from jazari.studies.recipes.registry import plan_of
from jazari.studies.tests.builders import STATISTICS, Site, drive, make_order, make_sites, make_study

REPOSITORY = Path(__file__).parents[3]
SPENDER = """
import sys, pathlib
from jazari.studies.errors import BudgetSpent
from jazari.studies.privacy.budget import Budget, Spending
budget = Budget(pathlib.Path(sys.argv[1]))
budget.account("soil")  # what is loaded at the first use is there before the first payment
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    try:
        budget.spend("soil", Spending(agreement="a", run=f"{sys.argv[2]}-{number}", round=1, epsilon=0.1))
        print("paid", flush=True)
    except BudgetSpent:
        print("spent", flush=True)
"""


def spending(run: str = "r-1", epsilon: float = 1.0, delta: float = 0.0, number: int = 1) -> Spending:
    return Spending(agreement="sha256:a", run=run, round=number, epsilon=epsilon, delta=delta)


def private(epsilon: float = 1.0, **changes: Any) -> StudyText:
    parameters = {"variables": ["ph"], "privacy": {"epsilon": epsilon, "max_rows_per_subject": 1}}
    return make_study("private-statistics", parameters, ["fes", "rabat"], **changes)


def test_nothing_is_allowed_until_the_institute_declares_it(tmp_path: Path) -> None:
    with pytest.raises(NoBudget, match="jazari dataset budget soil"):
        Budget(tmp_path).spend("soil", spending())
    assert not (tmp_path / "budget.json").exists()


def test_a_budget_is_spent_to_its_last_tenth_and_no_further(tmp_path: Path) -> None:
    budget = Budget(tmp_path)
    budget.declare("soil", 1, 0)
    for number in range(10):
        budget.spend("soil", spending(f"r-{number}", 0.1))
    with pytest.raises(BudgetSpent, match="0 and 0 are left"):
        budget.spend("soil", spending("r-10", 0.001))
    assert budget.account("soil").epsilon_left == 0.0
    assert all(entry.moment for entry in budget.account("soil").spent)


def test_delta_is_counted_as_well(tmp_path: Path) -> None:
    budget = Budget(tmp_path)
    budget.declare("soil", 100, 1e-6)
    budget.spend("soil", spending("r-1", 1.0, 1e-6))
    with pytest.raises(BudgetSpent):
        budget.spend("soil", spending("r-2", 1.0, 1e-12))
    budget.spend("soil", spending("r-3", 1.0))


def test_each_data_set_has_its_own_budget_and_a_round_is_paid_once(tmp_path: Path) -> None:
    budget = Budget(tmp_path)
    budget.declare("soil", 1, 0)
    budget.declare("water", 1, 0)
    for _ in range(3):
        budget.spend("soil", spending())
    budget.spend("water", spending())
    with pytest.raises(BudgetSpent):
        budget.spend("soil", spending(number=2))


def test_declaring_again_never_forgets_what_was_spent(tmp_path: Path) -> None:
    budget = Budget(tmp_path)
    budget.declare("soil", 1, 0)
    budget.spend("soil", spending())
    assert budget.declare("soil", 1, 0).epsilon_left == 0.0
    assert budget.declare("soil", 3, 0).epsilon_left == 2.0
    assert budget.declare("soil", 0.5, 0).epsilon_left == 0.0
    with pytest.raises(BudgetSpent):
        budget.spend("soil", spending("r-2", 0.1))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("spend"), st.integers(0, 8), st.integers(1, 2), st.sampled_from([0.1, 0.25, 0.3, 1.0])),
        st.tuples(st.just("declare"), st.sampled_from([0.0, 0.3, 1.0, 2.5]), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_no_sequence_spends_more_than_was_ever_allowed_or_pays_twice(
    steps: list[tuple[str, Any, int, float]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        allowed, most, paid = Decimal(0), Decimal(0), {}
        for what, value, number, epsilon in steps:
            budget = Budget(Path(folder))  # as another process would see it
            if what == "declare":
                allowed = Decimal(repr(value))
                most = max(most, allowed)
                budget.declare("soil", value, 0)
                continue
            try:
                budget.spend("soil", spending(f"r-{value}", epsilon, number=number))
            except (BudgetSpent, NoBudget):
                assert (f"r-{value}", number) not in paid, "what is paid may be asked again"
                assert sum(paid.values()) + Decimal(repr(epsilon)) > allowed
            else:
                paid.setdefault((f"r-{value}", number), Decimal(repr(epsilon)))
            assert sum(paid.values()) <= most


def test_two_processes_together_spend_no_more_than_allowed(tmp_path: Path) -> None:
    Budget(tmp_path).declare("soil", 4, 0)
    both = [start(tmp_path, name, 30) for name in ("a", "b")]
    told = [process.communicate(timeout=60)[0] for process in both]
    assert sum(text.count("paid") for text in told) == 40
    assert len(Budget(tmp_path).account("soil").spent) == 40


def test_kill_9_at_any_moment_loses_no_spending_that_was_told(tmp_path: Path) -> None:
    Budget(tmp_path).declare("soil", 5, 0)
    source, paid = random.Random(1), 0
    for turn in range(8):
        process = start(tmp_path, f"t{turn}", 1000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(source.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        paid += process.communicate(timeout=60)[0].count("paid")
        spent = Budget(tmp_path).account("soil").spent
        assert paid <= len(spent) <= 50
    assert paid > 0


def start(folder: Path, name: str, times: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    arguments = [sys.executable, "-c", SPENDER, str(folder), name, str(times)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)


GOOD = {"accounts": {"soil": {"delta": 0, "epsilon": 10, "spent": []}}}
ENTRY = {"agreement": "a", "delta": 0, "epsilon": 1, "moment": "", "round": 1, "run": "r-9"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps(GOOD)[:-5].encode(),
        json.dumps({"accounts": {"soil": {"epsilon": 10}}}).encode(),
        json.dumps(GOOD | {"more": 1}).encode(),
        json.dumps({"accounts": {"soil": {"delta": 0, "epsilon": "10", "spent": []}}}).encode(),
        b'{"accounts": {"soil": {"delta": 0, "epsilon": Infinity, "spent": []}}}',
        b'{"accounts": {"soil": {"delta": 0, "epsilon": 1e999, "spent": []}}}',
        *(
            json.dumps({"accounts": {"soil": {"delta": 0, "epsilon": 10, "spent": [ENTRY | change]}}}).encode()
            for change in ({"epsilon": -5}, {"epsilon": 0}, {"delta": -1}, {"round": 0}, {"epsilon": None})
        ),
    ],
)
def test_a_file_that_was_tampered_with_or_cut_allows_nothing(tmp_path: Path, raw: bytes) -> None:
    site = make_sites(tmp_path)["fes"]
    site.permit(private())
    (site.engine / "budget.json").write_bytes(raw)
    answer = decode(site.participant().respond("r-1", ask()))
    assert (answer.kind, answer.text, answer.arrays) == ("refusal", "studies.budget-spent", {})
    with pytest.raises(BudgetSpent, match="restore the file"):
        Budget(site.engine).declare("soil", 100, 0)
    assert (site.engine / "budget.json").read_bytes() == raw


def ask(run: str = "r-1") -> bytes:
    return encode(Message("request", run, 1))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = make_sites(tmp_path)["fes"]
    Budget(site.engine).declare("soil", 2.5, 0)
    return site


def left(site: Site) -> float:
    return Budget(site.engine).account("soil").epsilon_left


def test_a_whole_run_spends_at_each_institute_what_was_agreed(tmp_path: Path) -> None:
    text = private()
    sites = make_sites(tmp_path / "sites")
    for one in sites.values():
        Budget(one.engine).declare("soil", 10, 0)
        one.permit(text)
    coordinator = Coordinator(tmp_path / "runs", make_order(text))
    drive(coordinator, {name: one.participant() for name, one in sites.items()})
    assert coordinator.outcome().result["privacy"]["epsilon"] == 1.0
    for one in sites.values():
        assert left(one) == 9.0
        assert one.participant().result("r-1") == coordinator.outcome().result


def test_a_spent_budget_refuses_before_anything_is_computed_or_the_run_counted(site: Site) -> None:
    text = private(max_runs=5)
    for number in range(3):
        site.permit(text, f"r-{number}")
    kinds = [decode(site.participant().respond(f"r-{number}", ask(f"r-{number}"))).kind for number in range(3)]
    assert kinds == ["answer", "answer", "refusal"]
    assert left(site) == 0.5
    assert "r-2" not in (site.engine / "ledger.json").read_text()


def test_a_study_without_a_declared_budget_is_refused_and_one_without_noise_is_not(tmp_path: Path) -> None:
    site = make_sites(tmp_path)["fes"]
    site.permit(private(), "r-1")
    site.permit(make_study("statistics", STATISTICS, ["fes", "rabat"]), "r-2")
    assert decode(site.participant().respond("r-1", ask("r-1"))).text == "studies.no-budget"
    assert decode(site.participant().respond("r-2", ask("r-2"))).kind == "answer"
    assert not (site.engine / "budget.json").exists()


def test_what_is_asked_again_is_sent_byte_for_byte_and_paid_once(site: Site) -> None:
    site.permit(private())
    first = site.participant().respond("r-1", ask())
    assert site.participant().respond("r-1", ask()) == first, "no second draw to average with"
    assert left(site) == 1.5


def test_a_crash_between_paying_and_answering_pays_once_and_lets_one_answer_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.permit(private())

    def die(*_: Any) -> None:
        raise OSError("the machine went down before the answer was stored")

    with monkeypatch.context() as patch:
        patch.setattr(Notebook, "store_answer", die)
        assert decode(site.participant().respond("r-1", ask())).kind == "refusal"
    assert left(site) == 1.5
    answer = site.participant().respond("r-1", ask())
    assert decode(answer).kind == "answer"
    assert site.participant().respond("r-1", ask()) == answer
    assert left(site) == 1.5


def test_no_new_version_of_the_data_set_has_a_new_budget(site: Site) -> None:
    for version in (1, 2, 3):
        datasets = {"fes": f"fes/dataset/soil@{version}", "rabat": "rabat/dataset/soil@1"}
        site.permit(private(datasets=datasets), f"r-{version}")
        site.participant().respond(f"r-{version}", ask(f"r-{version}"))
    assert left(site) == 0.5


def test_no_message_changes_what_is_allowed(site: Site) -> None:
    site.permit(private())
    before = (site.engine / "budget.json").read_bytes()
    participant = site.participant()
    for text in ("budget", '{"accounts":{}}'):
        for kind in ("request", "final", "answer", "confirmation", "refusal"):
            for run in ("r-1", "budget"):
                participant.respond(run, encode(Message(kind, run, 2, text=text)))
    assert (site.engine / "budget.json").read_bytes() == before


def test_noise_that_was_not_agreed_and_agreed_noise_that_is_missing_are_refused(site: Site) -> None:
    texts = [make_study("statistics", STATISTICS, ["fes", "rabat"]), private(), private(1.5)]
    payments = Payments(site.engine)
    for agreed, other in itertools.permutations(texts, 2):
        recipe, plan = plan_of(other, 2)
        with pytest.raises(BrokenContract, match="not what was agreed"):
            payments.pay(site.permit(agreed), agreed, recipe.contract(recipe.initial_state(plan), plan), 1)
    assert left(site) == 2.5


def test_the_cost_is_told_in_a_sentence(site: Site) -> None:
    payments, dataset = Payments(site.engine), "fes/dataset/soil@1"
    Budget(site.engine).spend("soil", spending())
    assert payments.cost(private(), dataset) == (
        "This study would spend epsilon 1 of 2.5 for 'soil', of which 1.5 are left."
    )
    assert "epsilon 2 (2 runs of 1) of 2.5" in payments.cost(private(max_runs=2), dataset)
    assert "not enough for all its runs" in payments.cost(private(max_runs=2), dataset)
    assert "No privacy budget is declared" in payments.cost(private(), "fes/dataset/other@1")
    assert payments.cost(make_study("statistics", STATISTICS, ["fes"]), dataset) is None


def test_an_account_counts_in_decimals_as_people_write_them() -> None:
    account = Account(epsilon=0.3, delta=0.0, spent=[spending("r-1", 0.1), spending("r-2", 0.1)])
    assert account.affords(0.1, 0.0)
    assert not account.affords(0.1000001, 0.0)


def test_another_process_pays_for_a_permitted_run_only(tmp_path: Path) -> None:
    site = make_sites(tmp_path)["fes"]
    Budget(site.engine).declare("soil", 10, 0)
    assert decode(Participant(site.engine, "fes").respond("r-1", ask())).text == "studies.no-permit"
    assert left(site) == 10.0
