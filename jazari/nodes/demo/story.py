"""The main job, step by step, with its progress on the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jazari.nodes.demo import attacks, inference, modelling, outsider, portals, studying
from jazari.nodes.demo.comparison import largest_difference
from jazari.nodes.demo.data import SITES, region_names
from jazari.nodes.demo.founding import DemoNetwork, at_once, create_institutes, enrol, found
from jazari.nodes.demo.memory import PeakMemory
from jazari.nodes.demo.operator import Operator
from jazari.nodes.demo.plot import draw_missing
from jazari.nodes.demo.report import Report, refused_entry, study_entry
from jazari.nodes.demo.waiting import wait_for_root


class Story:
    """One demo in ``folder`` with so many institutes; what it measures goes to ``report``."""

    def __init__(self, folder: Path, institutes: int, console: Console) -> None:
        self.network = DemoNetwork(folder, SITES[:institutes], Operator())
        self.console = console
        self.report = Report(institutes=[site.namespace for site in self.network.sites])
        self.studies: list[studying.StudyOutcome] = []
        self.people: list[portals.MadeUpPerson] = []
        self._started = time.monotonic()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Play the whole story; the network serves while the block that follows runs, then stops."""
        with PeakMemory() as memory, ExitStack() as serving:
            self._found(serving)
            self._study()
            self._infer()
            self._verify()
            self._attack()
            self._open_portals()
            self.report.peak_memory_mb = memory.megabytes
            self.report.seconds_total = time.monotonic() - self._started
            yield

    def _found(self, serving: ExitStack) -> None:
        network = self.network
        with self._step("A board of three creates the Root; two of three keys sign"):
            found(network)
            serving.enter_context(network.operator.serving(network.root))
        with self._step(f"{len(network.sites)} institutes make their keys"):
            create_institutes(network, region_names())
            wait_for_root(network)
        self._inference = serving.enter_context(inference.providers(network))
        with self._step(
            "They ask, two board members admit them in one ceremony, they join; "
            f"{network.sites[0].namespace} sets up an inference gateway"
        ):
            parts: list[Callable[[], None]] = [lambda: enrol(network), lambda: inference.prepare(self._inference)]
            at_once(lambda part: part(), parts)
            homes = [network.home(site.namespace) for site in network.sites]
            for home in homes:
                serving.enter_context(network.operator.serving(home))

    def _study(self) -> None:
        network = self.network
        with self._step("Each registers its region's records and publishes two cards; no row leaves"):
            datasets = studying.offer_data(network)
        with self._step(f"{network.sites[0].namespace} proposes two studies"):
            self.studies = studying.propose(network, studying.main_proposals(datasets))
        with self._step("Stewards check on site, then approve or refuse"):
            studying.decide(network, self.studies)
        for study in self.studies:
            self._run(study)
        for study in self.studies:
            self._compare(study)
        self._show_finding()
        self._ask_again(datasets)
        self._ask_privately(datasets)
        self._use_model()

    def _run(self, study: studying.StudyOutcome) -> None:
        with self._step(f"{study.name} runs on {', '.join(study.approved)} (NVIDIA FLARE over mTLS)"):
            studying.run_one(self.network, study)
        hidden = "the Root saw masked sums and their total only"
        seen = "two institutes: the Root saw the sums of each"
        self._say(hidden if study.card["secure_aggregation"] else seen)

    def _ask_again(self, datasets: dict[str, list[str]]) -> None:
        with self._step("soil-by-crop is asked about the same places: checked on site against what was told before"):
            study = studying.ask_by_crop(self.network, datasets)
        self._show_refusal(study)

    def _ask_privately(self, datasets: dict[str, list[str]]) -> None:
        network = self.network
        with self._step("Stewards allow a privacy budget; soil-private is proposed, checked and approved"):
            studying.allow_budgets(network)
            study = studying.ask_privately(network, datasets)
        self._run(study)
        self.report.private = study.values["privacy"] | {"result": study.result}
        told = study.values["privacy"]
        self._say(f"{told['mechanism']} noise, epsilon {told['epsilon']:g} for each {told['unit']}, at each institute")
        with self._step("soil-private-again is proposed: the budget is spent"):
            again = studying.ask_privately_again(network, datasets)
        self._show_refusal(again)

    def _show_refusal(self, study: studying.StudyOutcome) -> None:
        entry = refused_entry(study)
        self.report.refused_questions.append(entry)
        by = ", ".join(entry["refused_by"])
        self._say(f"refused by {by}: {entry['message']}" if by else "NOT REFUSED by anybody")

    def _use_model(self) -> None:
        with self._step("The model of fertiliser-model is published as a signed file; another institute applies it"):
            model = modelling.publish(self.network, self.studies[1])
            self.report.model = modelling.apply_elsewhere(self.network, model)
        doses = " and ".join(f"{dose:.0f}" for dose in self.report.model["predictions"])
        self._say(f"{model}, verified: {doses} kg/ha of N for two fields")

    def _infer(self) -> None:
        gateway, told = self._inference, self.report.gateway
        told |= {"embedded_model": gateway.model is not None}
        with self._step("The institute publishes where data may go and who computes; its gateway reads that"):
            inference.attest(gateway)
        with self._step("A clerk asks a model with personal data: policy lets it go to the institute's own provider"):
            told["call"] = inference.call(gateway)
        made_up = "" if gateway.model else " (a STAND-IN with made-up words: `make embedded` brings a real model)"
        self._say(f"{told['call']['provider']}{made_up}: {told['call']['answer'].strip()[:100]}")
        with self._step("The same data for a provider abroad"):
            told["refused"] = inference.call_abroad(gateway)
        self._say(f"refused: {told['refused']['message']}" if told["refused"]["refused"] else "NOT REFUSED")
        with self._step(
            f"Drill: {gateway.here} is cut off for {inference.CUT_SECONDS} s under load; the card is signed"
        ):
            told["drill"] = inference.drill(gateway)
        cut = told["drill"]
        self._say(
            f"{cut['record']}: of {cut['calls']} calls {cut['rerouted']} went elsewhere, {cut['lost']} were lost; "
            f"first answer after {cut['recovery']['first_answer_ms']} ms; {cut['receipts_verified']} receipts verify"
        )

    def _say(self, sentence: str) -> None:
        self.console.print(f"    {sentence}", highlight=False, soft_wrap=True)

    def _compare(self, study: studying.StudyOutcome) -> None:
        with self._step(f"{study.name}: compared with the pooled computation under the same floor"):
            difference = largest_difference(self.network, study)
        self.report.studies.append(study_entry(study, difference))
        self._say(f"largest relative difference {difference:.1e}")
        for namespace in study.refused:
            reason = studying.why_not(self.network, namespace, study)
            self._say(f"{namespace} received nothing; its audit trail says: {reason}")

    def _show_finding(self) -> None:
        shares = missing_by_region(self.studies[0].values)
        measures = list(next(iter(shares.values())))
        table = Table(title="Soil records without a measurement", title_justify="left")
        table.add_column("region", no_wrap=True)
        for column in measures:
            table.add_column(column.replace("_", " "), overflow="fold")
        for region, told in shares.items():
            table.add_row(region, *("left out" if s is None else f"{s:.1%}" for s in told.values()))
        self.console.print(table)
        path = self.network.folder / "missing-by-region.svg"
        draw_missing(shares, measures, path)
        self.report.plot = str(path)

    def _verify(self) -> None:
        with self._step("An outsider copies the network and verifies it offline from the pinned root metadata"):
            self.report.verification = outsider.verify_offline(self.network)
        found = self.report.verification
        self._say(
            f"{found['records_verified']} records and {found['files_verified']} files of "
            f"{len(found['institutes'])} nodes verify"
        )

    def _attack(self) -> None:
        for name, attack in attacks.ATTACKS:
            with self._step(f"Attack: {name}"):
                outcome = attacks.play(name, attack, self.network, self.studies)
            self.report.attacks.append(outcome)
            verdict = "refused" if outcome["refused"] else "NOT REFUSED"
            self._say(f"{verdict}: {outcome['message']}")

    def _open_portals(self) -> None:
        with self._step("People are invited, open accounts at the portals and sign in"):
            self.people = portals.open_portals(self.network)
        for person in self.people:
            facts = {"node": person.node, "address": person.origin, "email": person.email, "roles": list(person.roles)}
            self.report.portals.append(facts)

    def show_portals(self) -> None:
        """Print where the portals are and as whom one can sign in; for a network that goes on serving."""
        table = Table(title="Portals and made-up people to sign in as", title_justify="left")
        for title in ("portal", "e-mail", "password", "roles"):
            table.add_column(title, overflow="fold")
        for person in self.people:
            table.add_row(person.origin, person.email, person.password, ", ".join(person.roles))
        self.console.print(table)

    @contextmanager
    def _step(self, text: str) -> Iterator[None]:
        started = time.monotonic()
        with self.console.status(text):
            yield
        self.console.print(
            f"[green]✓[/] {text} [dim]({time.monotonic() - started:.1f} s)[/]", highlight=False, soft_wrap=True
        )


def missing_by_region(values: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """The share of missing values of each measurement, by the region's French name."""
    names = region_names()
    return {
        names[group["by"]["region"]]["fr"]: {n: told["share_missing"] for n, told in group["variables"].items()}
        for group in values["groups"]
        if group["by"]["region"]
    }
