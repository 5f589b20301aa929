"""The main job, step by step, with its progress on the terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jazari.nodes.demo import attacks, outsider, studying
from jazari.nodes.demo.comparison import largest_difference
from jazari.nodes.demo.data import SITES, region_names
from jazari.nodes.demo.founding import DemoNetwork, create_institutes, enrol, found
from jazari.nodes.demo.memory import PeakMemory
from jazari.nodes.demo.operator import Operator
from jazari.nodes.demo.plot import draw_missing
from jazari.nodes.demo.report import Report, study_entry
from jazari.nodes.demo.waiting import wait_for_root


class Story:
    """One demo in ``folder`` with so many institutes; what it measures goes to ``report``."""

    def __init__(self, folder: Path, institutes: int, console: Console) -> None:
        self.network = DemoNetwork(folder, SITES[:institutes], Operator())
        self.console = console
        self.report = Report(institutes=[site.namespace for site in self.network.sites])
        self.studies: list[studying.StudyOutcome] = []
        self._started = time.monotonic()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Play the whole story; the network serves while the block that follows runs, then stops."""
        with PeakMemory() as memory, ExitStack() as serving:
            self._found(serving)
            self._study()
            self._verify()
            self._attack()
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
        with self._step("They ask, two board members admit them in one ceremony, they join"):
            enrol(network)
            homes = [network.home(site.namespace) for site in network.sites]
            for home in homes:
                serving.enter_context(network.operator.serving(home))

    def _study(self) -> None:
        network = self.network
        with self._step("Each registers its region's soil records and publishes a card; no row leaves"):
            datasets = studying.offer_data(network)
        with self._step(f"{network.sites[0].namespace} proposes three studies"):
            self.studies = studying.propose(network, datasets)
        with self._step("Stewards check on site, then approve or refuse"):
            studying.decide(network, self.studies)
        for study in self.studies:
            with self._step(f"{study.name} runs on {', '.join(study.approved)} (NVIDIA FLARE over mTLS)"):
                studying.run_one(network, study)
        for study in self.studies:
            self._compare(study)
        self._show_finding()

    def _compare(self, study: studying.StudyOutcome) -> None:
        with self._step(f"{study.name}: compared with the pooled computation under the same floor"):
            difference = largest_difference(self.network, study)
        self.report.studies.append(study_entry(study, difference))
        self.console.print(f"    largest relative difference {difference:.1e}", highlight=False, soft_wrap=True)
        for namespace in study.refused:
            reason = studying.why_not(self.network, namespace, study)
            self.console.print(
                f"    {namespace} received nothing; its audit trail says: {reason}", highlight=False, soft_wrap=True
            )

    def _show_finding(self) -> None:
        shares = missing_by_region(self.studies[1].values)
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
        self.console.print(
            f"    {found['records_verified']} records and {found['files_verified']} files of "
            f"{len(found['institutes'])} nodes verify", highlight=False, soft_wrap=True,
        )  # fmt: skip

    def _attack(self) -> None:
        for name, attack in attacks.ATTACKS:
            with self._step(f"Attack: {name}"):
                outcome = attacks.play(name, attack, self.network, self.studies)
            self.report.attacks.append(outcome)
            verdict = "refused" if outcome["refused"] else "NOT REFUSED"
            self.console.print(f"    {verdict}: {outcome['message']}", highlight=False, soft_wrap=True)

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
