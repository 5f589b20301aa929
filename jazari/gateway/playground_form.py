"""What a person asks in the playground, with what was said before, which only the page keeps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from jazari.gateway.templatetags.gateway import DATA_CLASSES
from jazari.gateway.words import DataClass

LONGEST_QUESTION = 20_000
LONGEST_CONVERSATION = 200_000
MOST_MESSAGES = 40
_ROLES = ("user", "assistant")


def read_conversation(text: str) -> tuple[dict[str, str], ...]:
    """Messages in turn from their JSON; ``ValueError`` for anything else."""
    value = json.loads(text or "[]")
    if not isinstance(value, list) or len(value) > MOST_MESSAGES:
        raise ValueError("not a list of messages, or too many")
    return tuple(_message(one) for one in value)


def _message(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != {"role", "content"}:
        raise ValueError("not a message")
    if value["role"] not in _ROLES or not isinstance(value["content"], str):
        raise ValueError("not a message")
    return {"role": value["role"], "content": value["content"]}


class PlaygroundForm(forms.Form):
    """A question, the route, the class of data, and the conversation so far."""

    route = forms.ChoiceField(label=_("Route"))
    data_class = forms.ChoiceField(label=_("What I write is"))
    question = forms.CharField(
        label=_("Question"), max_length=LONGEST_QUESTION, widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"})
    )
    conversation = forms.CharField(required=False, max_length=LONGEST_CONVERSATION, widget=forms.HiddenInput)

    def __init__(self, routes: Sequence[str], classes: Sequence[DataClass], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: dict[str, list[tuple[str, Any]]] = {
            "route": [(alias, alias) for alias in routes],
            "data_class": [(str(one), DATA_CLASSES[one]) for one in classes],
        }
        for name, values in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  for the reader
            field.choices = values

    def clean_conversation(self) -> tuple[dict[str, str], ...]:
        """The messages."""
        try:
            return read_conversation(self.cleaned_data["conversation"])
        except (ValueError, RecursionError) as error:
            raise ValidationError(_("The conversation cannot be read, or is too long: begin a new one.")) from error

    def messages(self) -> tuple[dict[str, str], ...]:
        """What was said, and the question."""
        return (*self.cleaned_data["conversation"], {"role": "user", "content": self.cleaned_data["question"]})
