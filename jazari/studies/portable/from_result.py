"""From a study's text and result to a model. A further recipe is one function in its kind's module and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jazari.studies.agreement import StudyText
from jazari.studies.errors import NoModel
from jazari.studies.portable.kinds import check_model
from jazari.studies.portable.linear import from_glm
from jazari.studies.portable.model import PortableModel
from jazari.studies.portable.network import from_fedavg
from jazari.studies.portable.trees import from_boosting

Convert = Callable[[StudyText, Mapping[str, Any], str], PortableModel]
"""(text of the study, its result, response or nothing) to the model; raises ``NoModel``."""

CONVERTERS: dict[str, Convert] = {
    "glm": from_glm,
    "boosting": from_boosting,
    "fedavg": from_fedavg,
}


def from_result(text: StudyText, values: Mapping[str, Any], response: str = "") -> PortableModel:
    """The model in ``values``, the result of the study ``text``; the same every time.

    ``response`` chooses one where the result has several. Raises ``NoModel``, also for a recipe that makes none.
    """
    if text.recipe not in CONVERTERS:
        known = ", ".join(sorted(CONVERTERS))
        raise NoModel(f"A result of {text.recipe!r} holds no model: use one of the recipes {known}.")
    try:
        model = CONVERTERS[text.recipe](text, values, response)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise NoModel("The result is not as this version's recipe writes it: update this node.") from error
    check_model(model)
    return model
