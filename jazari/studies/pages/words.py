"""What people read for the words that records and runs use."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = dict[str, Promise | str]

STATUS: Words = {
    "proposed": _("waiting for decisions"),
    "approved": _("approved, may run"),
    "refused": pgettext_lazy("a study", "refused"),
    "withdrawn": _("withdrawn by its proposer"),
    "expired": _("expired"),
}
CHOICE: Words = {
    "approve": pgettext_lazy("a decision", "approved"),
    "refuse": pgettext_lazy("a decision", "refused"),
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
STEPS: Words = {
    "recipe": _("What is computed"),
    "data": _("On which data"),
    "parameters": _("Variables and parameters"),
    "terms": _("Purpose and limits"),
    "preview": _("Preview and publish"),
}
FIELDS: Words = {
    "name": _("Short name: small letters, digits and hyphens"),
    "title": _("Title, in the language of those who decide"),
    "purpose": _("Purpose: what the result will be used for"),
    "floor": _("Fewest subjects behind a figure"),
    "minimum_institutes": _("Fewest institutes (empty: as few as the way of adding up allows)"),
    "max_rounds": _("Most rounds"),
    "max_runs": _("Most runs"),
    "round_deadline_seconds": _("Seconds that an institute has for one round"),
    "expires_in_days": _("Days until it expires"),
    "secure_aggregation": _("Secure aggregation: nobody sees the sums of one institute"),
    "variables": _("Variables to study"),
    "by": _("By groups of (at most two categories)"),
    "responses": _("Outcomes"),
    "response": _("Outcome"),
    "predictors": _("Variables that explain it"),
    "inputs": _("Variables that the model reads"),
    "duration": _("Time until the event or the end of observation"),
    "event": _("Event: 1 or the level below where it happened"),
    "positive": _("Level that counts as the event, for a category"),
    "family": _("Kind of outcome"),
    "task": _("Kind of prediction"),
    "histograms": _("Edges of histograms: one variable in each line"),
    "edges": _("Edges of bins"),
    "quantiles": _("Quantiles between 0 and 1"),
    "spread": _("Variances too, in a second round"),
    "intercept": _("With an intercept"),
    "ridge": _("Ridge penalty"),
    "max_iterations": _("Most iterations"),
    "grid": _("Edges of time intervals, increasing"),
    "ties": _("How ties are handled"),
    "clusters": _("Number of clusters"),
    "components": _("Number of components"),
    "scale": _("Scaling of variables"),
    "seed": _("Seed of random numbers"),
    "tolerance": _("Tolerance"),
    "trees": _("Number of trees"),
    "depth": _("Splits on a way to a leaf"),
    "learning_rate": _("Learning rate"),
    "bins": _("Bins of each number"),
    "model": _("Model"),
    "sha256": _("SHA-256 of the model's file"),
    "rounds": _("Rounds of training"),
    "epochs": _("Passes over the rows in each round"),
    "batch": _("Rows in a batch"),
    "layers": _("Widths of hidden layers"),
    "privacy.epsilon": _("Privacy spent by a run: epsilon"),
    "privacy.delta": _("Privacy spent by a run: delta"),
    "privacy.mechanism": _("Kind of noise"),
    "privacy.max_rows_per_subject": _("Rows of one subject that count"),
}
"""What the fields of the form are called; a rare parameter that is not here is shown by its name in the text."""
