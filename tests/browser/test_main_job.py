"""The main job at the portals of a real network, as docs/tutorial/use-the-portal.md tells it, in French.

The network is the demo's, with two of its institutes and none of its studies. Each page on the way is looked at in
all four languages; the pictures go to build/tutorial/ (see ``tests.browser.tutorial_pictures``).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from jazari.nodes.demo import portals, studying
from jazari.nodes.demo.data import SITES, region_names
from jazari.nodes.demo.founding import DemoNetwork, create_institutes, enrol, found, steward_key
from jazari.nodes.demo.operator import Operator
from jazari.testing.commands import REPOSITORY, Commands
from jazari.testing.serving import ServedNode
from jazari.testing.waiting import until
from tests.browser.looking import Window, axe_says, look_in_every_language
from tests.browser.pages import OF_AN_INSTITUTE, OF_THE_ROOT
from tests.browser.traveller import PATIENCE_SECONDS, Traveller, french, travelling

pytestmark = [pytest.mark.browser, pytest.mark.long]
NAMES = ("rabat", "fes")
DATA_SETS = tuple(f"{name}/dataset/trials@1" for name in NAMES)
STUDY = "rabat/study/acidite@1"
TERMS = {
    "name": "acidite",
    "title": "Acidité des sols par culture",
    "purpose": "Savoir où proposer des amendements calcaires.",
}
PARAMETERS = {"histograms": "soil_ph: 4, 5, 6, 6.5, 7, 7.5, 8, 8.5, 9"}
REASON = "Conforme à nos conditions."


@dataclass
class Country:
    """The network, its running nodes and its people."""

    network: DemoNetwork
    nodes: dict[str, ServedNode]
    people: list[portals.MadeUpPerson]

    def person(self, node: str, role: str) -> portals.MadeUpPerson:
        """Who holds ``role`` at ``node``."""
        return next(one for one in self.people if one.node == node and role in one.roles)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    """What ``make demo`` founds, with two institutes, before its studies."""
    sites = tuple(site for name in NAMES for site in SITES if site.namespace == name)
    network = DemoNetwork(tmp_path_factory.mktemp("tour"), sites, Operator({"PYTHONPATH": str(REPOSITORY)}))
    nodes: dict[str, ServedNode] = {}

    def serve(name: str, home: Path) -> None:
        nodes[name] = ServedNode(home, Commands())
        nodes[name].start()

    try:
        found(network)
        serve("root", network.root)
        create_institutes(network, region_names())
        enrol(network)
        for name in NAMES:
            serve(name, network.home(name))
        studying.offer_data(network)
        yield Country(network, nodes, portals.open_portals(network))
    finally:
        for node in nodes.values():
            node.kill()


def test_a_study_is_proposed_approved_run_and_its_result_verified(country: Country, browser: Browser):
    with travelling(browser, country.person("rabat", "researcher")) as researcher:
        researcher.go("/")
        researcher.look()
        researcher.picture("home")
        sign_in(researcher)
        propose(researcher)
        for name in NAMES:
            with travelling(browser, country.person(name, "data-steward"), looks=name == NAMES[0]) as steward:
                sign_in_by_passkey(steward)
                sign(country, name, decide(steward))
                after_signing(steward)
        run(country, researcher)
        read_and_verify(country, researcher)


def test_the_pages_of_a_network_are_whole_in_every_language(country: Country, browser: Browser):
    with travelling(browser, country.person("rabat", "operator")) as operator:
        operator.go("/")
        sign_in(operator)
        for path in OF_AN_INSTITUTE:
            operator.go(path)
            operator.look()
    with travelling(browser, country.person("root", "board")) as board:
        board.go("/")
        sign_in(board)
        for path in OF_THE_ROOT:
            board.go(path)
            board.look()


def test_somebody_signs_in_at_the_root_with_the_account_of_their_institute(country: Country, browser: Browser):
    identity_at_the_root(country)
    researcher = country.person("rabat", "researcher")
    with travelling(browser, replace(researcher, node="root", origin=country.person("root", "board").origin)) as guest:
        page = guest.page
        guest.go("/account/login/")
        page.locator("main a[href*='/account/oidc/rabat/login/']").click()
        guest.look()
        page.locator("main form button").first.click()
        page.wait_for_url(f"{researcher.origin}/account/login/**")
        page.locator("#id_login").fill(researcher.email)
        page.locator("#id_password").fill(researcher.password)
        page.locator("main form button").first.click()
        page.wait_for_url(f"{researcher.origin}/identity/o/authorize**")
        look_in_every_language(Window(page, researcher.origin, guest.window.troubles), researcher.node)
        page.locator("button[name=action][value=grant]").click()
        page.wait_for_url(f"{guest.person.origin}/**")
        guest.go("/account/")
        guest.look()
        expect(page.locator("main")).to_contain_text(researcher.origin)


def identity_at_the_root(country: Country) -> None:
    """The operators of both nodes agree, by their commands, that people of rabat may sign in at the Root."""
    network, commands = country.network, Commands()
    issuer, root = (country.person(name, "operator").origin for name in ("rabat", "root"))
    client = commands.run("people", "client", "add", "root", "--origin", root, home=network.home("rabat"))
    secret = network.root / "secret-of-rabat"
    secret.write_text(client["secret"])
    words = ("--issuer", issuer, "--client-id", client["client_id"], "--secret-file", str(secret))
    commands.run("people", "provider", "add", "rabat", *words, home=network.root)


def sign_in(traveller: Traveller) -> None:
    """With e-mail address and password."""
    traveller.press("Sign in", "header")
    traveller.look()
    traveller.page.locator("#id_login").fill(traveller.person.email)
    traveller.page.locator("#id_password").fill(traveller.person.password)
    traveller.picture("sign-in")
    traveller.press("Sign In")
    expect(traveller.page.locator(".wide nav bdi").first).to_have_text(traveller.person.name)


def propose(traveller: Traveller) -> None:
    """Five steps of a form."""
    page = traveller.page
    traveller.press("Studies", "header")
    traveller.look()
    traveller.press("Propose a study")
    traveller.look()
    page.locator("input[name=recipe][value=statistics]").check()
    traveller.picture("propose-recipe")
    traveller.press("Next")
    for data_set in DATA_SETS:
        traveller.wait_for(page.locator(f"input[value='{data_set}']"))
    traveller.look()
    for data_set in DATA_SETS:
        page.locator(f"input[value='{data_set}']").check()
    traveller.picture("propose-data")
    traveller.press("Next")
    traveller.look()
    page.locator("input[name=variables][value=soil_ph]").check()
    page.locator("input[name=by][value=crop]").check()
    for name, value in PARAMETERS.items():
        page.locator(f"#p-{name}").fill(value)
    traveller.picture("propose-parameters", "fieldset")
    traveller.press("Next")
    traveller.look()
    for name, value in TERMS.items():
        page.locator(f"#p-{name}").fill(value)
    page.locator("#p-secure_aggregation").select_option("false")
    traveller.picture("propose-terms")
    traveller.press("Next")
    traveller.look()
    traveller.picture("propose-preview")
    traveller.press("Publish this study")
    traveller.says("The study is published. Each institute's steward now decides.")
    traveller.picture("study")
    traveller.look()


def sign_in_by_passkey(traveller: Traveller) -> None:
    """A password first; the inbox asks for more, so a passkey is added, and then opens the account by itself."""
    page = traveller.page
    traveller.go("/")
    sign_in(traveller)
    traveller.go("/studies/inbox/")
    traveller.look()
    traveller.picture("second-factor")
    traveller.press("Ways to sign in")
    traveller.look()
    page.locator("main a[href$='/webauthn/add/']").click()
    traveller.look()
    page.locator("#id_password").fill(traveller.person.password)
    traveller.press("Confirm")
    traveller.look()
    page.locator("#id_name").fill("Ma clé")
    page.locator("#id_passwordless").check()
    traveller.picture("passkey-add")
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url("**/recovery-codes/")
    traveller.picture("recovery-codes")
    traveller.look()
    traveller.press("Sign out", "header")
    traveller.press("Sign in", "header")
    page.locator("#passkey_login").click()
    expect(page.locator(".wide nav bdi").first).to_have_text(traveller.person.name)


def decide(traveller: Traveller) -> list[str]:
    """Read, check on site, choose, confirm; the words of the command that the page then shows."""
    page = traveller.page
    traveller.press("Studies", "header")
    traveller.press("To decide here")
    traveller.wait_for(page.get_by_role("link", name=TERMS["title"]))
    traveller.look()
    traveller.picture("inbox")
    traveller.press(TERMS["title"])
    traveller.look()
    traveller.picture("leaving", "#leaving")
    traveller.press("Check on site")
    traveller.says("No rule refuses it. Nothing has left this institute.")
    traveller.look()
    traveller.picture("checked", "#check")
    page.locator("input[name=choice][value=approve]").check()
    page.locator("#reason").fill(REASON)
    traveller.picture("decide", "#decision")
    traveller.press("Go on: confirm with my passkey")
    traveller.look()
    traveller.picture("confirm")
    traveller.press("Use my passkey")
    traveller.look()
    traveller.press("Use a security key")
    page.wait_for_url("**/studies/decision/*/")
    traveller.look()
    traveller.press("Confirm this decision")
    traveller.says("Confirmed, to be signed")
    traveller.look()
    traveller.picture("to-sign", "h1")
    command = page.locator(".panel pre.command code").inner_text()
    program, *words = shlex.split(command)
    assert program == "jazari"
    return words


def sign(country: Country, name: str, words: list[str]) -> None:
    """The command of the page, where the steward's key is."""
    key = steward_key(country.network, name)
    Commands().run(*words, "--steward-key", key, home=country.network.home(name))


def after_signing(traveller: Traveller) -> None:
    """The page of the decision knows that it was signed."""
    expect(traveller.page.locator(".panel pre.command")).to_have_count(1)
    traveller.page.reload()
    expect(traveller.page.locator(".panel pre.command")).to_have_count(0)
    expect(traveller.page.locator("main")).to_contain_text(french("approved", "a decision"))


def run(country: Country, traveller: Traveller) -> None:
    """Start it, follow it while it goes without asking for the page again, and see it end."""
    page, fes = traveller.page, country.nodes["fes"]
    button = traveller.found("Run it now on the institutes that approve")
    traveller.wait_for(button)
    traveller.look()
    traveller.picture("may-run", "#decisions")
    traveller.press("Run it now on the institutes that approve")
    page.evaluate("window.stayed = true")
    until(fes.jobs, "the job of the study at fes")
    with fes.held_jobs():
        expect(page.locator("#live .badge")).to_have_text(french("running"), timeout=PATIENCE_SECONDS * 1000)
        traveller.picture("running")
        traveller.look(again=False)
    result = page.locator("#live a[href*='/studies/result/']")
    expect(result).to_be_visible(timeout=PATIENCE_SECONDS * 1000)
    expect(page.locator("#live .badge")).to_have_text(french("finished"))
    assert page.evaluate("window.stayed"), "the page was loaded again: nothing was followed live"
    assert axe_says(page) == []
    traveller.picture("finished")
    traveller.look(again=False)
    result.click()


def read_and_verify(country: Country, traveller: Traveller) -> None:
    """The table and the charts of the result, which are its signed values; then its card, verified by one click."""
    page = traveller.page
    traveller.look()
    traveller.picture("result")
    expect(page.locator("figure svg[role=img]").first).to_be_visible()
    traveller.picture("result-figures", "#figures")
    cells = set(page.locator("section[aria-labelledby=figures] td").all_inner_texts())
    told = values_of(country, page.locator("article > p > code").first.inner_text())
    counts = {str(group["rows"]) for group in told["groups"] if group["rows"]}
    assert len(counts) > 1
    assert counts <= cells
    traveller.press("Verify it now")
    traveller.says("Everything verifies.")
    expect(page.locator(".panel.success")).to_have_count(1)
    traveller.look()
    traveller.picture("verified")


def values_of(country: Country, result: str) -> dict[str, Any]:
    """The values of a result by the command, which verifies them."""
    values: dict[str, Any] = Commands().run("study", "result", result, home=country.network.home("fes"))["values"]
    return values
