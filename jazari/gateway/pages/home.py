"""What every page of the gateway needs: the node's settings, or a page that says how to have a gateway."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.forms import Form
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from jazari.accounts.models import Person
from jazari.accounts.operations import actor_of
from jazari.core.errors import JazariError
from jazari.federation.answers import refusal
from jazari.federation.http import http_status
from jazari.gateway.configuration import GatewayConfig, read_gateway
from jazari.gateway.knowledge import Knowledge, read_knowledge
from jazari.gateway.listening import has_gateway
from jazari.gateway.mirrored import known_directory
from jazari.settings.home import Home
from jazari.settings.runtime import this_home

Page = Callable[..., HttpResponseBase]


def with_gateway(page: Page) -> Page:
    """``page`` where this node has a gateway; else what to do to have one. Errors of ours become a page."""

    @wraps(page)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not has_gateway(this_home().path):
            return render(request, "gateway/none.html", status=404)
        try:
            return page(request, *args, **kwargs)
        except JazariError as error:
            return refusal(request, error)

    return answer


def refused(form: Form, error: JazariError) -> int:
    """Let ``form`` say ``error``, which the page explains by its code; the status that the page has."""
    form.add_error(None, ValidationError(str(error), code=error.code))
    return http_status(error)


def settings_and_records() -> tuple[Home, GatewayConfig, Knowledge]:
    """This node's home, its gateway's settings, and what signed records say about its providers and policy."""
    home = this_home()
    config = read_gateway(home.path)
    return home, config, read_knowledge(config, home.namespace, known_directory(home.mirror))


def actor(request: HttpRequest) -> str:
    """Who does it, for the audit trail."""
    return actor_of(cast(Person, request.user))


def whole_number(text: str, most: int) -> int | None:
    """A number from 1 to ``most`` that stands in an address; None where there is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > 16:
        return None
    return int(text) if 0 < int(text) <= most else None
