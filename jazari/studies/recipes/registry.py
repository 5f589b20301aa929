"""The installed recipes, by name, and the plan of a study."""

from __future__ import annotations

from jazari.studies.agreement import StudyText
from jazari.studies.errors import UnknownRecipe
from jazari.studies.recipes.base import Plan, Recipe
from jazari.studies.recipes.glm import Glm
from jazari.studies.recipes.private_statistics import PrivateStatistics
from jazari.studies.recipes.statistics import Statistics

_INSTALLED: tuple[Recipe, ...] = (
    Statistics(),
    Glm(),
    PrivateStatistics(),
)
_RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _INSTALLED}


def recipe_names() -> tuple[str, ...]:
    """The names of the installed recipes, sorted."""
    return tuple(sorted(_RECIPES))


def find_recipe(name: str) -> Recipe:
    """The recipe ``name``; raises ``UnknownRecipe``."""
    try:
        return _RECIPES[name]
    except KeyError:
        known = ", ".join(recipe_names())
        raise UnknownRecipe(f"There is no recipe {name[:60]!r} here: choose one of {known}.") from None


def plan_of(study: StudyText, institutes: int) -> tuple[Recipe, Plan]:
    """The recipe of ``study`` and its checked plan for so many institutes.

    Raises ``UnknownRecipe`` or ``BadParameters``.
    """
    recipe = find_recipe(study.recipe)
    parameters = recipe.parse(study.parameters)
    plan = Plan(parameters, study.named_variables(), study.floor, institutes, study.largest_rows)
    recipe.check(plan)
    return recipe, plan
