"""Trust between the portals of two nodes: whose people may sign in here, and where our people may sign in.

A *provider* is another node whose people sign in here; a *client* is another node at which ours sign in. A provider is
known by that node's namespace: it stands in the address to which the browser returns, which both sides must agree on.
"""

from __future__ import annotations

import ipaddress
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from allauth.idp.oidc.models import Client
from allauth.socialaccount.models import SocialAccount, SocialApp
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from jazari.accounts.errors import BadClient, BadProvider
from jazari.accounts.guarded_http import origin_of
from jazari.accounts.models import Person
from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.errors import BadIdentifier
from jazari.core.files import is_private, plain_os_errors, write_private
from jazari.core.identifiers import check_namespace
from jazari.settings.runtime import this_home

OIDC = "openid_connect"
_LONGEST = 200


def check_origin(url: str, error: type[BadProvider] | type[BadClient]) -> str:
    """``url`` if it is an https origin, or http on loopback; ``error`` otherwise."""
    parts = urlsplit(url.rstrip("/"))
    try:
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0) and not parts.username
    except ValueError:
        usable = False
    bare = not (parts.path or parts.query or parts.fragment)
    plain = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if not (usable and bare and (parts.scheme == "https" or plain)) or len(url) > _LONGEST:
        raise error(_("The address of a portal is https://HOST or https://HOST:PORT and nothing after it: correct it."))
    return origin_of(url.rstrip("/"))


@transaction.atomic
def add_client(name: str, origin: str, actor: str) -> tuple[str, str]:
    """Let our people sign in at the portal ``origin``: client id, and secret that is shown this once."""
    home = this_home()
    where = check_origin(origin, BadClient)
    if not 0 < len(name.strip()) <= 100 or not name.isprintable():
        raise BadClient(_("The name of a portal is one line of at most 100 characters: it is shown to people."))
    secret = secrets.token_urlsafe(32)
    path = reverse("openid_connect_callback", kwargs={"provider_id": home.namespace})
    client = Client(name=name.strip(), scopes="openid\nprofile", default_scopes="openid")
    client.set_redirect_uris([where + path])
    client.set_secret(secret)
    client.save()
    events.emit(AuditEvent("accounts.client-added", actor, f"client:{client.id}", {"origin": where}))
    return str(client.id), secret


def remove_client(client_id: str, actor: str) -> None:
    """Our people no longer sign in there."""
    if not Client.objects.filter(pk=client_id).delete()[0]:
        raise BadClient(_("No portal has this client id: look at the list."))
    events.emit(AuditEvent("accounts.client-removed", actor, f"client:{client_id}"))


@transaction.atomic
def add_provider(name: str, issuer: str, client_id: str, secret: str, actor: str) -> None:
    """Let people of the node ``name`` (its namespace) sign in here; ``issuer`` is its portal's address."""
    _check_name(name)
    where = check_origin(issuer, BadProvider)
    if not 0 < len(client_id) <= 100 or not 0 < len(secret.strip()) <= _LONGEST:
        raise BadProvider(_("The client id or the secret is empty or too long: copy what that node printed."))
    _refuse_another_node(name, where)
    SocialApp.objects.update_or_create(
        provider=OIDC,
        provider_id=name,
        defaults={
            "name": name,
            "client_id": client_id,
            "secret": "",
            "settings": {
                "server_url": where,
                "oauth_pkce_enabled": True,
                "token_auth_method": "client_secret_basic",
                # Whatever the node's own description says, its tokens are believed under this name only.
                "openid_configuration_overrides": {"issuer": where},
            },
        },
    )
    write_private(_secret_file(name), secret.strip().encode())
    events.emit(AuditEvent("accounts.provider-added", actor, name, {"issuer": where}))


def remove_provider(name: str, actor: str) -> None:
    """People of that node no longer sign in here. Their accounts stay, closed, under their issuer."""
    if not SocialApp.objects.filter(provider=OIDC, provider_id=name).delete()[0]:
        raise BadProvider(_("No node has this name here: look at the list."))
    _secret_file(name).unlink(missing_ok=True)
    events.emit(AuditEvent("accounts.provider-removed", actor, name))


def _refuse_another_node(name: str, issuer: str) -> None:
    """A name stays with its issuer for good: otherwise a new node would get the accounts of another one's people."""
    known = SocialApp.objects.filter(provider=OIDC, provider_id=name).first()
    theirs = Person.objects.filter(pk__in=SocialAccount.objects.filter(provider=name).values("user"))
    elsewhere = theirs.exclude(home_issuer=issuer).exists()
    if elsewhere or (known is not None and issuer_of(known) != issuer):
        raise BadProvider(_("This name stands for a node at another address already: use that node's own namespace."))
    others = SocialApp.objects.filter(provider=OIDC).exclude(provider_id=name)
    if any(issuer_of(app) == issuer for app in others):
        raise BadProvider(_("The node at this address is registered under another name: remove that one first."))


def issuer_of(app: SocialApp) -> str:
    """The issuer that a registered node's tokens must name."""
    return str(app.settings["server_url"])


def origins() -> set[str]:
    """The portals that this node may call."""
    return {issuer_of(app) for app in SocialApp.objects.filter(provider=OIDC)}


def secret_of(name: str) -> str:
    """This node's secret at the node ``name``; ``BadProvider`` where its file is missing or open to others."""
    path = _secret_file(_check_name(name))
    with plain_os_errors(path):
        if not path.is_file() or not is_private(path):
            raise BadProvider(_("The secret for this node is missing or readable by others: add the node again."))
        return path.read_text(encoding="utf-8")


def _secret_file(name: str) -> Path:
    return this_home().keys / f"provider-{name}.secret"


def _check_name(name: str) -> str:
    try:
        return check_namespace(name)
    except BadIdentifier as error:
        raise BadProvider(_("The name of a node is its namespace: small letters, digits and hyphens.")) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
