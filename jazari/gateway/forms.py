"""What the gateway's pages ask. Forms bound what is written; whether it can be is for ``operations``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from jazari.gateway.scopes import LIMITS, LONGEST_LIFE, LONGEST_OVERLAP, LONGEST_TEXT
from jazari.gateway.templatetags.gateway import DATA_CLASSES, OUTCOMES

_CLASSES = [(str(word), text) for word, text in DATA_CLASSES.items()]


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, input_formats=["%Y-%m-%d"], widget=widget)


class ExplainForm(forms.Form):
    """A route and a class of data."""

    route = forms.ChoiceField(label=_("Route"))
    data_class = forms.ChoiceField(label=_("The data are"), choices=_CLASSES)

    def __init__(self, routes: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["route"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  for the reader
        field.choices = [(alias, alias) for alias in routes]


class ProjectForm(forms.Form):
    """A new project."""

    name = forms.CharField(
        label=_("Name"),
        max_length=40,
        help_text=_("2 to 40 small letters, digits and hyphens. It is never given twice."),
    )
    title = forms.CharField(label=_("Title"), max_length=LONGEST_TEXT, help_text=_("What people call it."))


class GrantForm(forms.Form):
    """More credits for a project."""

    amount = forms.CharField(label=_("Credits"), max_length=20, help_text=_("For example 1000 or 0.25."))
    note = forms.CharField(label=_("Why"), required=False, max_length=LONGEST_TEXT)


class KeyForm(forms.Form):
    """A new key of a project. ``routes`` are those of gateway.toml."""

    name = forms.CharField(
        label=_("Name"), max_length=40, help_text=_("What it is for: small letters, digits and hyphens.")
    )
    every_route = forms.BooleanField(label=_("For every route"), required=False)
    routes = forms.MultipleChoiceField(label=_("For these routes"), required=False, widget=forms.CheckboxSelectMultiple)
    highest = forms.ChoiceField(
        label=_("Highest class of data"),
        choices=_CLASSES,
        help_text=_("Every call is taken to contain such data, unless the key may say less and does."),
    )
    may_declassify = forms.BooleanField(label=_("A call may declare a lower class"), required=False)
    requests_a_minute = forms.IntegerField(
        label=_("Requests a minute"), min_value=1, max_value=LIMITS["requests_a_minute"], initial=60
    )
    tokens_a_minute = forms.IntegerField(
        label=_("Tokens a minute"), min_value=1, max_value=LIMITS["tokens_a_minute"], initial=100_000
    )
    streams = forms.IntegerField(
        label=_("Streams at the same time"), min_value=1, max_value=LIMITS["streams"], initial=10
    )
    days = forms.IntegerField(label=_("Days until it expires"), min_value=1, max_value=LONGEST_LIFE.days, initial=90)

    def __init__(self, routes: Sequence[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["routes"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  for the reader
        field.choices = [(alias, alias) for alias in routes]


class RotateForm(forms.Form):
    """How long the old key opens beside the new one."""

    overlap_hours = forms.IntegerField(
        label=_("Hours that the old key still opens"),
        min_value=0,
        max_value=LONGEST_OVERLAP.days * 24,
        initial=24,
    )


class ReceiptSearchForm(forms.Form):
    """Which receipts; all may be left out."""

    project = forms.CharField(label=_("Project"), required=False, max_length=64)
    route = forms.CharField(label=_("Route"), required=False, max_length=64)
    outcome = forms.ChoiceField(
        label=_("How it ended"), required=False, choices=[("", _("in any way")), *OUTCOMES.items()]
    )
    since = _day(_("From"))
    until = _day(_("To"))


class UseForm(forms.Form):
    """Whose use, and of which days."""

    project = forms.CharField(label=_("Project"), required=False, max_length=64)
    route = forms.CharField(label=_("Route"), required=False, max_length=64)
    since = _day(_("From"))
    until = _day(_("To"))
