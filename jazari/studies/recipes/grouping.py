"""The groups that rows fall into by the categories which a study names in ``by``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jazari.studies.data.schema import AgreedVariable
from jazari.studies.recipes.base import Plan


@dataclass(frozen=True)
class Grouping:
    """The groups of a plan whose parameters have a field ``by``."""

    plan: Plan

    @cached_property
    def grouping(self) -> tuple[AgreedVariable, ...]:
        """The categories that rows are grouped by."""
        return tuple(self.plan.variable(name, "category") for name in self.plan.parameters.by)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Groups of each grouping variable; the last of each holds the rows where it is missing."""
        return tuple(len(variable.levels) + 1 for variable in self.grouping)

    @cached_property
    def groups(self) -> int:
        """All groups; 1 without grouping."""
        return int(np.prod(self.sizes, dtype=np.int64))
