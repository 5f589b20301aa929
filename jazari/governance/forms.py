"""What an auditor may ask the trail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from jazari.governance.queries import Asked
from jazari.governance.rules import LONGEST_NAME


def _day(label: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, input_formats=["%Y-%m-%d"], widget=widget)


class SearchForm(forms.Form):
    """Kind, actor, subject and days; all may be left out."""

    kind = forms.CharField(
        label=_("Kind"),
        required=False,
        max_length=LONGEST_NAME,
        help_text=_("A whole kind, such as gateway.key-created, or its first word."),
    )
    actor = forms.CharField(
        label=_("Who did it"), required=False, max_length=LONGEST_NAME, help_text=_("Written in full.")
    )
    subject = forms.CharField(
        label=_("What it was done to"), required=False, max_length=LONGEST_NAME, help_text=_("A part is enough.")
    )
    since = _day(_("From"))
    until = _day(_("To"))

    def asked(self) -> Asked:
        """What was asked; everything where the form is not valid."""
        if not self.is_valid():
            return Asked()
        values = self.cleaned_data
        return Asked(values["kind"], values["actor"], values["subject"], values["since"], values["until"])
