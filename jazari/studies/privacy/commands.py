"""`jazari dataset budget`."""

from __future__ import annotations

from typing import Annotated

import typer

from jazari.cli.app import HomeOption, JsonOption
from jazari.cli.output import Output
from jazari.federation.options import prepare


def budget(
    name: Annotated[str, typer.Argument(help="The name of the data set at this institute.")],
    home: HomeOption,
    epsilon: Annotated[float | None, typer.Option(min=0, max=1000, help="Epsilon to allow in all.")] = None,
    delta: Annotated[float | None, typer.Option(min=0, max=1e-3, help="Delta to allow in all.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the privacy budget of a data set over all its versions, or set it. What was spent stays spent."""
    prepare(home)
    from jazari.settings.home import Home
    from jazari.studies.privacy import declaring

    out = Output(as_json)
    node = Home.open(home)
    facts = declaring.budget_facts(node.engine, node.namespace, name, epsilon, delta)
    columns = ("moment", "run", "agreement", "epsilon", "delta")
    out.table(f"Spent of {name}", columns, [[str(row[c]) for c in columns] for row in facts["spent"]])
    out.print_result(
        facts,
        f"{name}: epsilon {facts['epsilon_left']:g} of {facts['epsilon']:g} and "
        f"delta {facts['delta_left']:g} of {facts['delta']:g} are left.",
    )
