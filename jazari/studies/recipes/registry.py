"""The installed recipes, by name, and the plan of a study."""

from __future__ import annotations

from pathlib import Path

from jazari.studies.agreement import StudyText
from jazari.studies.errors import UnknownRecipe
from jazari.studies.recipes.base import InputFile, Plan, Recipe, TakesFiles
from jazari.studies.recipes.boosting import Boosting
from jazari.studies.recipes.cox import Cox
from jazari.studies.recipes.evaluation import Evaluation
from jazari.studies.recipes.fedavg import Fedavg
from jazari.studies.recipes.glm import Glm
from jazari.studies.recipes.kmeans import Kmeans
from jazari.studies.recipes.pca import Pca
from jazari.studies.recipes.private_statistics import PrivateStatistics
from jazari.studies.recipes.statistics import Statistics

_INSTALLED: tuple[Recipe, ...] = (
    Statistics(),
    Glm(),
    Evaluation(),
    Boosting(),
    Fedavg(),
    Kmeans(),
    Pca(),
    Cox(),
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


def plan_of(study: StudyText, institutes: int, inputs: Path | None = None) -> tuple[Recipe, Plan]:
    """The recipe of ``study`` and its checked plan for so many institutes, with the folder of its input files.

    Raises ``UnknownRecipe`` or ``BadParameters``.
    """
    recipe = find_recipe(study.recipe)
    parameters = recipe.parse(study.parameters)
    variables, masked = study.named_variables(), study.secure_aggregation
    plan = Plan(parameters, variables, study.floor, institutes, study.largest_rows, masked, inputs)
    recipe.check(plan)
    return recipe, plan


def input_files(study: StudyText) -> tuple[InputFile, ...]:
    """The published files that an institute needs to take part in ``study``; raises ``UnknownRecipe``."""
    recipe = find_recipe(study.recipe)
    return recipe.input_files(recipe.parse(study.parameters)) if isinstance(recipe, TakesFiles) else ()
