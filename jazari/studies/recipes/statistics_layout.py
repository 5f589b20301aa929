"""What a statistics study asks for: its parameters, groups, cells and output contracts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from jazari.studies.contract import Contract, Output, Partition
from jazari.studies.data.schema import AgreedVariable
from jazari.studies.data.table import Floats
from jazari.studies.recipes.grouping import Grouping

Edges = Annotated[tuple[float, ...], Field(min_length=2, max_length=501)]


class DescribedParameters(BaseModel):
    """What is described, by which categories, and in which bins: ``histograms`` maps numeric variables to edges."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid", allow_inf_nan=False)

    variables: tuple[str, ...] = Field(min_length=1, max_length=100)
    by: tuple[str, ...] = Field(default=(), max_length=2)
    histograms: dict[str, Edges] = Field(default_factory=dict)

    @field_validator("histograms")
    @classmethod
    def _increasing(cls, histograms: dict[str, Edges]) -> dict[str, Edges]:
        if any(low >= high for edges in histograms.values() for low, high in pairwise(edges)):
            raise ValueError("the edges of a histogram must increase")
        return histograms

    @model_validator(mode="after")
    def _sound(self) -> Self:
        names = (*self.variables, *self.by)
        if len(set(names)) != len(names):
            raise ValueError("a variable is listed twice, or both studied and grouped by")
        if not set(self.histograms) <= set(self.variables):
            raise ValueError("a histogram is asked of a variable that is not studied")
        return self


class StatisticsParameters(DescribedParameters):
    """``spread`` asks for variances, in a second round; quantiles are read from the histograms."""

    spread: bool = True
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(default=(), max_length=99)

    @model_validator(mode="after")
    def _readable(self) -> StatisticsParameters:
        if self.quantiles and not self.histograms:
            raise ValueError("quantiles need histograms")
        return self


def even_edges(lower: float, upper: float, bins: int) -> tuple[float, ...]:
    """``bins`` + 1 evenly spaced edges from ``lower`` to ``upper``."""
    return tuple(float(edge) for edge in np.linspace(lower, upper, bins + 1))


class Layout(Grouping):
    """The groups and cells that the parameters ask for."""

    @cached_property
    def studied(self) -> tuple[AgreedVariable, ...]:
        """The variables that are described."""
        return tuple(self.plan.variable(name) for name in self.plan.parameters.variables)

    @cached_property
    def spread(self) -> tuple[AgreedVariable, ...]:
        """The variables whose variance is asked for: these need a second round."""
        wanted = self.plan.parameters.spread
        return tuple(v for v in self.studied if wanted and v.kind == "numeric")

    def edges(self, variable: AgreedVariable) -> Floats | None:
        """Bin edges of a numeric variable with a histogram."""
        edges = self.plan.parameters.histograms.get(variable.name)
        return None if edges is None else np.array(edges)

    def cells(self, variable: AgreedVariable) -> int:
        """Cells of the variable's own division: levels, or bins with those below and above; 0 for none."""
        edges = self.edges(variable)
        if variable.kind == "category":
            return len(variable.levels)
        return 0 if edges is None else len(edges) + 1


def group_labels(layout: Layout) -> Iterator[dict[str, str | None]]:
    """The levels of each group in order; None stands for missing."""
    for index in np.ndindex(*layout.sizes):
        yield {
            variable.name: (*variable.levels, None)[place]
            for variable, place in zip(layout.grouping, index, strict=True)
        }


def counts_contract(layout: Layout) -> Contract:
    """Round 1: counts, sums and cells of every group, with the subjects behind each as evidence."""
    outputs = [
        _count("rows", layout.groups, "subjects"),
        _count("subjects", layout.groups, "subjects"),
        _flag("left_out", layout.groups),
    ]
    evidence = [Output(name="all.rows", dtype="int64", lower=0), _count("all.hidden", None, None)]
    partitions = [Partition(parts=("rows",), whole="all.rows", hidden="all.hidden")]
    for variable in layout.studied:
        more, seen, divided = _variable_contract(layout, variable)
        outputs, evidence, partitions = outputs + more, evidence + seen, partitions + divided
    return Contract(phase="counts", outputs=tuple(outputs), evidence=tuple(evidence), partitions=tuple(partitions))


def _variable_contract(layout: Layout, variable: AgreedVariable) -> tuple[list[Output], list[Output], list[Partition]]:
    name, groups, cells = variable.name, layout.groups, layout.cells(variable)
    outputs = [
        _count(f"{name}.missing", groups, f"{name}.missing.subjects"),
        _count(f"{name}.present", groups, f"{name}.present.subjects"),
        _flag(f"{name}.left_out", groups),
    ]
    evidence = [_count(f"{name}.{kind}.subjects", groups, None) for kind in ("missing", "present")]
    evidence += [_count(f"{name}.hidden", groups, None), _count(f"{name}.elsewhere", 2, f"{name}.elsewhere")]
    partitions = [Partition(parts=(f"{name}.missing", f"{name}.present"), whole="rows", hidden=f"{name}.hidden")]
    if variable.kind == "numeric":
        used = f"{name}.used"
        outputs += [
            _count(used, groups, f"{used}.subjects"),
            _flag(f"{used}.left_out", groups),
            Output(
                name=f"{name}.sum",
                shape=(groups,),
                lower=variable.lower,
                upper=variable.upper,
                per=used,
                subjects=f"{used}.subjects",
            ),
        ]
        evidence.append(_count(f"{used}.subjects", groups, None))
    if cells:
        outputs += [
            _count(f"{name}.cells", (groups, cells), f"{name}.cells.subjects"),
            _flag(f"{name}.cells.left_out", (groups, cells)),
        ]
        evidence += [
            _count(f"{name}.cells.subjects", (groups, cells), None),
            _count(f"{name}.cells.hidden", groups, None),
        ]
        partitions.append(Partition(parts=(f"{name}.cells",), whole=f"{name}.present", hidden=f"{name}.cells.hidden"))
    return outputs, evidence, partitions


def spread_contract(layout: Layout) -> Contract:
    """Round 2: differences from the common mean, plain and squared."""
    outputs: list[Output] = []
    evidence: list[Output] = []
    for variable in layout.spread:
        used, shape = f"{variable.name}.used", (layout.groups,)
        known = variable.lower is not None and variable.upper is not None
        width = (variable.upper or 0.0) - (variable.lower or 0.0) if known else None
        subjects = f"{used}.subjects"
        outputs += [
            _count(used, layout.groups, subjects),
            Output(
                name=f"{variable.name}.shift",
                shape=shape,
                lower=None if width is None else -width,
                upper=width,
                per=used,
                subjects=subjects,
            ),
            Output(
                name=f"{variable.name}.squares",
                shape=shape,
                lower=0.0,
                upper=None if width is None else width**2,
                per=used,
                subjects=subjects,
            ),
        ]
        evidence.append(_count(subjects, layout.groups, None))
    return Contract(phase="spread", outputs=tuple(outputs), evidence=tuple(evidence))


def _count(name: str, shape: int | tuple[int, ...] | None, subjects: str | None) -> Output:
    return Output(name=name, shape=_shape(shape), dtype="int64", lower=0, subjects=subjects)


def _flag(name: str, shape: int | tuple[int, ...]) -> Output:
    return Output(name=name, shape=_shape(shape), dtype="int64", lower=0, upper=1)


def _shape(shape: int | tuple[int, ...] | None) -> tuple[int, ...]:
    return () if shape is None else (shape,) if isinstance(shape, int) else shape
