"""The portal of Rabat over a network in memory whose institutes publish a data set each."""

from __future__ import annotations

import json
from typing import Any

from jazari.settings.home import Home
from jazari.studies import operations
from jazari.studies.cards import run_id
from jazari.studies.coordinator import Coordinator
from jazari.studies.decisions import Choice
from jazari.studies.engine import RunOrder
from jazari.studies.following import Follower
from jazari.studies.models import Run
from jazari.studies.overview import study_of
from jazari.studies.participant import Participant
from jazari.studies.proposals import make_proposal
from jazari.studies.tests.conftest import proposal
from jazari.testing.memory_network import MemoryNetwork


class Site:
    """Rabat's portal: ``node`` of whichever institute is looked from, and shortcuts to make records."""

    def __init__(self, network: MemoryNetwork, home: Home) -> None:
        self.network, self.home = network, home
        self.me = "rabat"

    def look_from(self, namespace: str) -> None:
        """The pages are those of another institute from now on."""
        self.me = namespace

    def here(self, namespace: str = ""):
        """The node of an institute."""
        return self.network.here(namespace or self.me)

    def propose(self, by: str = "rabat", **changes: object) -> str:
        """A published study."""
        return operations.propose(self.here(by), make_proposal(proposal(self.network, **changes))).ref

    def decide(self, study: str, *institutes: str, choice: Choice = Choice.APPROVE, reason: str = "") -> None:
        """Stewards sign."""
        for name in institutes:
            operations.decide(self.here(name), study, choice, reason, self.network.stewards[name])

    def start(self, study: str, by: str = "rabat") -> str:
        """A recorded run."""
        return operations.start_run(self.here(by), study).ref

    def follow(self, *institutes: str, said: dict[str, Any] | None = None) -> None:
        """What their workers do; the last one's rows stay in the one database."""
        for name in institutes:
            Run.objects.all().delete()
            follower = Follower(self.here(name), lambda reference: said or waiting(reference))
            while follower.follow():
                pass

    def compute(self, run: str, rounds: int | None = None) -> Coordinator:
        """The run as an engine makes it go, to its end or for so many rounds; the Root's files are in ``engine/``."""
        row = Run.objects.get(reference=run)
        study = study_of(self.network, row.study)
        order = RunOrder(
            run=row.run, agreement=study.agreement, study=study.text.model_dump(mode="json"),
            participants=tuple(row.participants), max_rounds=study.text.max_rounds, round_deadline_seconds=60,
        )  # fmt: skip
        coordinator = Coordinator(self.home.engine / "runs", order)
        done = 0
        while coordinator.pending() and done != rounds:
            for name in coordinator.pending():
                participant = Participant(self.here(name).engine_folder, name)
                coordinator.receive(name, participant.respond(order.run, coordinator.request(name)))
            done += 1
        return coordinator

    def result(self, study: str, *institutes: str) -> str:
        """A run of ``study`` by ``institutes`` from the record to the published result; their reference."""
        run = self.start(study)
        self.follow(*institutes)
        outcome = self.compute(run).outcome().model_dump(mode="json")
        said = waiting(run) | {"state": "finished", "outcome": json.loads(json.dumps(outcome))}
        for name in institutes:
            Participant(self.here(name).engine_folder, name).finish(run_id(run))
        self.follow(*institutes, said=said)
        self.follow(run.partition("/")[0], said=said)
        return self.network.of("result")[-1].ref


def waiting(run: str) -> dict[str, Any]:
    """What the Root says of a run that has not begun."""
    return {"reference": run, "state": "waiting", "round": 0, "message": "", "answered": {}, "outcome": None}


def address(kind: str, reference: str, tail: str = "") -> str:
    """The page of a record."""
    namespace, _, rest = reference.partition("/")
    name, _, version = rest.partition("/")[2].partition("@")
    return f"/studies/{kind}/{namespace}/{name}/{version}/{tail}"
