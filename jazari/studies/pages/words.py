"""What people read for the words that records and runs use."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = dict[str, Promise | str]

STATUS: Words = {
    "proposed": _("waiting for decisions"),
    "approved": _("approved, may run"),
    "refused": _("refused"),
    "withdrawn": _("withdrawn by its proposer"),
    "expired": _("expired"),
}
CHOICE: Words = {
    "approve": _("approved"),
    "refuse": _("refused"),
    "withdraw": _("withdrew its approval"),
}
STATE: Words = {
    "waiting": _("recorded, not started"),
    "running": _("running"),
    "finished": _("finished"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
}
SHOW: Words = {
    "all": _("All"),
    "to-decide": _("Mine to decide"),
    "running": _("Running"),
    "finished": _("With results"),
}
RECIPES: dict[str, tuple[Promise | str, Promise | str]] = {
    "statistics": (
        _("Descriptive statistics"),
        _("Counts, missing values, means, spread and histograms of variables, for all rows or by group."),
    ),
    "private-statistics": (
        _("Descriptive statistics with noise"),
        _("Counts, means and histograms with noise that hides each subject. Each run spends a privacy budget."),
    ),
    "glm": (
        _("Linear and logistic models"),
        _("How a number or a yes-or-no outcome depends on other variables: coefficients with standard errors."),
    ),
    "cox": (
        _("Cox proportional hazards"),
        _("How the time until an event depends on other variables: hazard ratios and the baseline hazard."),
    ),
    "kmeans": (
        _("Clusters by k-means"),
        _("Groups of rows that are alike in some numbers: the centres and sizes of the groups."),
    ),
    "pca": (
        _("Principal components"),
        _("The directions in which numbers vary together most, and the share of each."),
    ),
    "boosting": (
        _("Gradient boosted trees"),
        _("A model of many small trees that predicts a number, a yes-or-no outcome or a class."),
    ),
    "fedavg": (
        _("Federated averaging of networks"),
        _("A neural network that each institute trains on its own rows; the average of the changes is shared."),
    ),
    "evaluation": (
        _("Evaluation of a published model"),
        _("How well a model that was published predicts at the institutes: accuracy, calibration, by group."),
    ),
}
"""By recipe: its title, and what it computes in one plain sentence."""


def recipe_title(name: str) -> Promise | str:
    """What a recipe is called; its name where this version does not know it."""
    return RECIPES.get(name, (name, ""))[0]


KIND: Words = {"numeric": _("number"), "category": _("category"), "text": _("text"), "identifier": _("identifier")}
MEANT: Words = {"approve": _("approve"), "refuse": _("refuse"), "withdraw": _("take the approval back")}
