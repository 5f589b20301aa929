"""`jazari people`: who has an account at this node, from its terminal; and trust between the portals of two nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from jazari.accounts.rules import Role
from jazari.cli.app import HomeOption, JsonOption, command, make_app
from jazari.cli.output import Output
from jazari.settings.home import Home

people_app = make_app("People of this node: accounts, roles, invitations, and people of other nodes.")
client_app = make_app("Portals of other nodes at which people of this node sign in with their account here.")
provider_app = make_app("Nodes whose people sign in here with their account there.")
people_app.add_typer(client_app, name="client")
people_app.add_typer(provider_app, name="provider")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]
Who = Annotated[str, typer.Argument(metavar="PERSON", help="Their e-mail address, or their number in the list.")]
OneRole = Annotated[Role, typer.Argument(metavar="ROLE", help=f"One of {', '.join(Role)}.")]


def prepare(path: Path) -> Home:
    """The home at ``path`` with people's tables ready. Sentences are English here, whatever the portal's language."""
    from jazari.settings.runtime import PAGES, setup

    home = Home.open(path)
    setup(home, migrate=True, profile=PAGES)
    from django.utils import translation

    translation.activate("en")
    return home


@command(people_app, "list", example="jazari people list")
def list_people(
    home: HomeOption,
    search: Annotated[str, typer.Option("--search", help="Only whose name or address holds this.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the people with an account here and their roles."""
    prepare(home)
    from jazari.accounts import queries

    out = Output(as_json)
    rows: list[dict[str, Any]] = [
        {
            "id": person.pk,
            "email": person.email or "",
            "name": person.name,
            "home": person.home_issuer,
            "roles": sorted(str(role) for role in queries.roles_of(person)),
            "active": person.is_active,
        }
        for person in queries.search_people(search)
    ]
    if rows:
        out.table(
            "People",
            ("id", "address", "name", "roles", ""),
            [
                (str(row["id"]), row["email"] or row["home"], row["name"], ", ".join(row["roles"]), _state(row))
                for row in rows
            ],
        )
    out.print_result({"people": rows}, "" if rows else "Nobody yet: `jazari people invite --role operator EMAIL`.")


@command(people_app, "invite", example="jazari people invite --role operator amina@example.org")
def invite(
    email: Email,
    home: HomeOption,
    role: Annotated[list[Role], typer.Option("--role", help=f"One of {', '.join(Role)}; repeat for more.")] = [],  # noqa: B006
    name: Annotated[str, typer.Option("--name", help="What the person is called.")] = "",
    language: Annotated[str, typer.Option("--language", help="Of the letter: fr, ar, zgh or en.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Invite somebody by a link that works once within 7 days; print it where there is no mail server to send it."""
    node = prepare(home)
    from jazari.accounts import invitations, mails
    from jazari.core.clock import timestamp

    invitation, secret = invitations.invite(email, role, node.namespace, name=name, language=language)
    link = invitations.link_of(secret)
    sent = mails.has_mail_server() and mails.send("invitation", invitation.email, language, link=link)
    facts = {"email": invitation.email, "expires": timestamp(invitation.expires), "sent": sent}
    if sent:
        sentence = f"The letter to {invitation.email} was sent."
    else:
        facts["link"] = link
        why = "The mail server did not take the letter" if mails.has_mail_server() else "This node has no mail server"
        sentence = f"{why}. Give {invitation.email} this link, which works once within 7 days:\n{link}"
    Output(as_json).print_result(facts, sentence)


@command(people_app, "grant", example="jazari people grant amina@example.org researcher")
def grant(who: Who, role: OneRole, home: HomeOption, as_json: JsonOption = False) -> None:
    """Give a role to somebody who has an account here."""
    node = prepare(home)
    from jazari.accounts import operations, queries

    person = queries.find_person(who)
    given = operations.give_role(person, role, node.namespace)
    sentence = f"{who} is {role} now." if given else f"{who} was {role} already."
    Output(as_json).print_result({"id": person.pk, "role": role, "given": given}, sentence)


@command(people_app, "revoke", example="jazari people revoke amina@example.org researcher")
def revoke(who: Who, role: OneRole, home: HomeOption, as_json: JsonOption = False) -> None:
    """Take a role back. The last operator stays."""
    node = prepare(home)
    from jazari.accounts import operations, queries

    person = queries.find_person(who)
    taken = operations.take_role(person, role, node.namespace)
    sentence = f"{who} is no longer {role}." if taken else f"{who} was not {role}."
    Output(as_json).print_result({"id": person.pk, "role": role, "taken": taken}, sentence)


@command(people_app, "deactivate", example="jazari people deactivate amina@example.org")
def deactivate(who: Who, home: HomeOption, as_json: JsonOption = False) -> None:
    """Close an account: its sessions and tokens end at once, and nobody signs in with it."""
    node = prepare(home)
    from jazari.accounts import operations, queries

    person = queries.find_person(who)
    operations.deactivate(person, node.namespace)
    Output(as_json).print_result({"id": person.pk, "active": False}, f"The account of {who} is closed.")


@command(client_app, "add", example="jazari people client add root --origin https://portal.example.org")
def add_client(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people are told that they sign in at.")],
    home: HomeOption,
    origin: Annotated[str, typer.Option("--origin", help="The other portal's address: https://HOST or HOST:PORT.")],
    as_json: JsonOption = False,
) -> None:
    """Let people of this node sign in at another portal. Prints a client id, and a secret this once."""
    node = prepare(home)
    from jazari.accounts import providers
    from jazari.settings.portal_home import PortalConfig

    client_id, secret = providers.add_client(name, origin, node.namespace)
    issuer = PortalConfig.of(node).origin
    facts = {"client_id": client_id, "secret": secret, "issuer": issuer, "node": node.namespace}
    sentence = (
        f"Client id: {client_id}\nSecret (shown this once): {secret}\n"
        f"There: put the secret into a file and run `jazari people provider add {node.namespace} --issuer {issuer} "
        f"--client-id {client_id} --secret-file FILE`."
    )
    Output(as_json).print_result(facts, sentence)


@command(client_app, "list", example="jazari people client list")
def list_clients(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the portals at which people of this node sign in."""
    prepare(home)
    from allauth.idp.oidc.models import Client

    rows = [
        {"client_id": one.id, "name": one.name, "returns_to": one.get_redirect_uris()} for one in Client.objects.all()
    ]
    _print_rows(as_json, "clients", rows, "None yet: `jazari people client add NAME --origin URL`.")


@command(client_app, "remove", example="jazari people client remove CLIENT_ID")
def remove_client(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="As `client list` shows it.")],
    home: HomeOption,
    as_json: JsonOption = False,
) -> None:
    """No longer let people of this node sign in at that portal."""
    node = prepare(home)
    from jazari.accounts import providers

    providers.remove_client(client_id, node.namespace)
    Output(as_json).print_result({"client_id": client_id}, "People of this node no longer sign in there.")


@command(
    provider_app,
    "add",
    example="jazari people provider add dakhla --issuer https://dakhla.example --client-id ID --secret-file FILE",
)
def add_provider(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The other node's namespace.")],
    home: HomeOption,
    issuer: Annotated[str, typer.Option("--issuer", help="The other portal's address, as it was printed there.")],
    client_id: Annotated[str, typer.Option("--client-id", help="As it was printed there.")],
    secret_file: Annotated[
        Path, typer.Option("--secret-file", help="A file with the secret that was printed there.", dir_okay=False)
    ],
    as_json: JsonOption = False,
) -> None:
    """Let people of another node sign in here with their account there. They are members until somebody gives more."""
    node = prepare(home)
    from jazari.accounts import providers

    providers.add_provider(name, issuer, client_id, _secret(secret_file), node.namespace)
    facts = {"provider": name, "issuer": issuer}
    Output(as_json).print_result(facts, f"People of {name} can sign in here. Delete {secret_file} now.")


@command(provider_app, "list", example="jazari people provider list")
def list_providers(home: HomeOption, as_json: JsonOption = False) -> None:
    """List the nodes whose people sign in here."""
    prepare(home)
    from allauth.socialaccount.models import SocialApp

    from jazari.accounts.providers import OIDC, issuer_of

    found = SocialApp.objects.filter(provider=OIDC)
    rows = [{"provider": app.provider_id, "issuer": issuer_of(app), "client_id": app.client_id} for app in found]
    _print_rows(as_json, "providers", rows, "None yet: `jazari people provider add NAME --issuer URL ...`.")


@command(provider_app, "remove", example="jazari people provider remove dakhla")
def remove_provider(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The other node's namespace.")],
    home: HomeOption,
    as_json: JsonOption = False,
) -> None:
    """No longer let people of that node sign in here."""
    node = prepare(home)
    from jazari.accounts import providers

    providers.remove_provider(name, node.namespace)
    Output(as_json).print_result({"provider": name}, f"People of {name} no longer sign in here.")


def _print_rows(as_json: bool, what: str, rows: list[dict[str, Any]], none: str) -> None:
    out = Output(as_json)
    if rows:
        out.table(what.capitalize(), tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])
    out.print_result({what: rows}, "" if rows else none)


def _secret(path: Path) -> str:
    from jazari.accounts.errors import BadProvider
    from jazari.core.files import plain_os_errors

    with plain_os_errors(path), path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(1_000).strip()
    if not text.isprintable():
        raise BadProvider("The file does not hold a secret: copy what the other node printed, and nothing else.")
    return text


def _state(row: dict[str, Any]) -> str:
    return "" if row["active"] else "deactivated"
