"""k-means by Lloyd's algorithm (IEEE Transactions on Information Theory 28, 1982), on standardised variables.

Rounds 1 and 2 send sums and squares, from which means and deviations of all institutes follow. Each further
round sends count, sum and squares of every cluster around centres that follow from the totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from jazari.studies.contract import Contract, Output
from jazari.studies.data.schema import AgreedVariable, Schema
from jazari.studies.data.table import Floats, Table
from jazari.studies.messages import Sums
from jazari.studies.recipes.base import Plan, parse_parameters
from jazari.studies.recipes.kmeans_local import cluster_sums, place_rows
from jazari.studies.recipes.kmeans_update import (
    KmeansParameters,
    KmeansState,
    after_clusters,
    after_moments,
    ranges_of,
    standardised,
)
from jazari.studies.recipes.numeric_moments import Ranges, local_means, local_spread, means_contract, spread_contract
from jazari.studies.recipes.numeric_rows import (
    SUBJECTS_PER_PARAMETER,
    choose_rows,
    complete_data_sets,
    count_output,
    rare_values,
)
from jazari.studies.saying import Sentence, names, worded, worded_many


class Kmeans:
    """The recipe ``kmeans``.

    Protected: a cluster that fewer than ``floor`` distinct subjects of an institute are nearest to is left out
    there, and so is one whose sums would count a rare value of a variable with at most three; its rows are counted
    in the next nearest cluster. Consecutive rounds differ by the rows that changed cluster, so a few that move
    would be told by subtraction. That is prevented at the source: rows that were counted together in all
    earlier rounds are only divided into parts that each have ``floor`` subjects. So no sum or difference of the
    rounds of a run, in whatever combination, is about fewer. The price: some rows near a border are counted in
    their second choice, and centres are those of the rows as counted; ``held_back`` and ``left_out`` say at how
    many institutes. With a floor of 1 it is Lloyd's algorithm itself.
    Not protected: that some rows were held back is said by a flag; another study over the same data (with
    another seed, say) divides them otherwise, and the two together may tell smaller groups: that is for
    the steward to weigh. A run starts once: several starts at once would cross their groups and hold more back.

    No person's data is a starting centre. They are drawn from the seed, from the normal distribution with the
    means and deviations of all institutes; an emptied cluster starts again beside the widest.
    Saturation: a group's p + 2 numbers are about at least ``floor`` times p values, and an institute takes part
    with 3 subjects for each cluster (unless the floor is 1).
    """

    name: ClassVar[str] = "kmeans"
    title: ClassVar[str] = "Clusters by k-means"
    sources: ClassVar[tuple[str, ...]] = (
        "kmeans.py", "kmeans_local.py", "kmeans_update.py", "numeric_rows.py", "numeric_moments.py",
    )  # fmt: skip
    same_institutes: ClassVar[bool] = True
    Parameters: ClassVar[type[BaseModel]] = KmeansParameters

    def parse(self, values: Mapping[str, Any]) -> KmeansParameters:
        """The parameters in a JSON object; raises ``BadParameters``."""
        return parse_parameters(KmeansParameters, values, self.name)

    def variables(self, parameters: KmeansParameters) -> tuple[str, ...]:
        """Those that clusters are looked for in."""
        return parameters.variables

    def check(self, plan: Plan) -> None:
        """All variables are numbers with an agreed range."""
        ranges_of(plan)

    def contracts(self, parameters: KmeansParameters, variables: Mapping[str, AgreedVariable]) -> tuple[Contract, ...]:
        """``means``, ``spread`` and ``clusters``; bounds that depend on totals are open here."""
        plan = Plan(parameters, variables)
        ranges = ranges_of(plan)
        spread = spread_contract(ranges, None, products=False)
        return (means_contract(ranges), spread, _clusters_contract(ranges, plan, None, None))

    def contract(self, state: KmeansState, plan: Plan) -> Contract:
        """That of the phase, with its bounds."""
        ranges, mean = ranges_of(plan), state.moments.mean
        if not state.moments.centred:
            return means_contract(ranges)
        if not state.path:
            return spread_contract(ranges, mean, products=False)
        reach = float((ranges.reach(mean) / ranges.width).max())
        return _clusters_contract(ranges, plan, reach, _largest_square(ranges, state))

    def initial_state(self, _plan: Plan) -> KmeansState:
        """Nothing known."""
        return KmeansState()

    def local(self, table: Table, state: KmeansState, plan: Plan) -> Sums:
        """Sums over the rows that may be used; raises ``BelowFloor`` when this institute cannot take part."""
        ranges, mean = ranges_of(plan), state.moments.mean
        chosen = choose_rows(table, ranges.names, plan.floor, plan.parameters.clusters)
        if not state.moments.centred:
            return local_means(ranges, chosen)
        if not state.path:
            return local_spread(ranges, mean, chosen, products=False)
        points = standardised(chosen.values, state.moments)
        placed = place_rows(chosen, points, state.path, plan.floor)
        return cluster_sums(chosen, points, placed, state.path[-1], ranges, mean)

    def update(self, state: KmeansState, total: Sums, plan: Plan) -> KmeansState:
        """Means, deviations and the start; then each centre moves to the mean of its rows until they stand."""
        return after_clusters(state, total, plan) if state.path else after_moments(state, total, plan)

    def result(self, state: KmeansState, plan: Plan) -> dict[str, Any]:
        """Centres in the variables' units; ``within``: standardised squared distances from the centre."""
        names, moments = plan.parameters.variables, state.moments
        centres = state.centres * moments.deviation + moments.mean
        clusters = [
            {
                "centre": dict(zip(names, centres[c].tolist(), strict=True)) if state.counts[c] else None,
                "rows": int(state.counts[c]) if state.counts[c] or not state.left_out[c] else None,
                "within": float(state.within[c]) if state.counts[c] else None,
                "left_out": int(state.left_out[c]),
            }
            for c in range(plan.parameters.clusters)
        ]
        return {
            "rows": moments.rows,
            "subjects": moments.subjects,
            "means": dict(zip(names, moments.mean.tolist(), strict=True)),
            "deviations": dict(zip(names, moments.deviation.tolist(), strict=True)),
            "clusters": clusters,
            "within": float(state.within.sum()),
            "iterations": len(state.path),
            "converged": state.converged,
            "held_back": state.held,
        }

    def disclosures(self, plan: Plan, datasets: Mapping[str, Schema]) -> list[Sentence]:
        """What leaves in plain sentences."""
        parameters = plan.parameters
        listed = names(parameters.variables)
        return [
            complete_data_sets(len(datasets), listed),
            worded("Sums and squares of {variables} over those rows.", variables=listed),
            worded_many(
                "For each of {clusters} clusters, in up to {count} rounds: how many rows are in it, their sums of "
                "{variables}, and the sum of their squared distances from a centre that is nobody's data.",
                parameters.max_iterations,
                clusters=parameters.clusters,
                variables=listed,
            ),
            worded(
                "Where too few subjects would be in a cluster, or would change it together, they are counted in "
                "another one, so that no difference of rounds is about fewer; only whether this happened is told."
            ),
            rare_values(SUBJECTS_PER_PARAMETER * parameters.clusters),
        ]

    def scales(self, plan: Plan) -> dict[str, float]:
        """Centres, means and deviations by the size of the range; squares and counts by 1."""
        scales: dict[str, float] = {}
        for variable in plan.variables.values():
            size = max(abs(variable.lower or 0.0), abs(variable.upper or 0.0))
            scales |= {f"{of}.{variable.name}": size for of in ("centre", "means", "deviations")}
        return scales


def _clusters_contract(ranges: Ranges, plan: Plan, reach: float | None, square: float | None) -> Contract:
    """``reach``: the largest distance of a value from the mean by the width of its range; ``square``: the largest
    squared distance of a row from a centre, standardised."""
    clusters, behind = plan.parameters.clusters, "counts.subjects"
    outputs = (
        count_output("counts", (clusters,), behind),
        Output(name="sums", shape=(clusters, len(ranges.names)), lower=None if reach is None else -reach, upper=reach,
               per="counts", subjects=behind),
        Output(name="within", shape=(clusters,), lower=0.0, upper=square, per="counts", subjects=behind),
        Output(name="left_out", shape=(clusters,), dtype="int64", lower=0, upper=1),
        Output(name="held", dtype="int64", lower=0, upper=1),
    )  # fmt: skip
    evidence = (
        count_output(behind, (clusters,), behind),
        count_output("smallest_block", (), "smallest_block"),
    )
    return Contract(phase="clusters", outputs=outputs, evidence=evidence)


def _largest_square(ranges: Ranges, state: KmeansState) -> float:
    centres: Floats = state.path[-1] * state.moments.deviation + state.moments.mean
    return float(((ranges.reach(centres) / state.moments.deviation) ** 2).sum(axis=1).max())
