"""The page of a run: what is known here, live and by reloading, starting it and ending it."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from jazari.accounts.rules import Role
from jazari.studies.models import Run
from jazari.studies.pages import running
from jazari.studies.tests.pages import Site, address
from jazari.testing.pages import People, anonymous

GLM = {
    "recipe": "glm",
    "parameters": {"family": "binomial", "responses": ["crop"], "predictors": ["ph"], "positive": "wheat"},
}


@pytest.fixture
def study(site: Site) -> str:
    study = site.propose()
    site.decide(study, "rabat", "fes")
    return study


def test_the_button_starts_a_run_for_a_researcher_of_the_proposer_only(site: Site, people: People, study: str, audit):
    researcher = people.client(Role.RESEARCHER)
    assert "Run it now" in researcher.get(address("study", study)).content.decode()
    assert "Run it now" not in anonymous().get(address("study", study)).content.decode()
    assert people.client(Role.MEMBER).post(address("study", study, "start/")).status_code == 403
    answer = researcher.post(address("study", study, "start/"))
    (run,) = site.network.of("run")
    assert answer["Location"] == address("run", run.ref)
    asked = [event for event in audit if event.kind == "studies.asked-at-a-page"]
    assert [event.actor.partition(":")[0] for event in asked] == ["person"]


def test_a_study_that_may_not_run_says_why(site: Site, people: People):
    study = site.propose()
    answer = people.client(Role.RESEARCHER).post(address("study", study, "start/"))
    assert answer.status_code == 403
    assert "nobody approves it yet" in answer.content.decode()


def test_a_run_is_not_started_by_reading(site: Site, people: People, study: str):
    assert people.client(Role.RESEARCHER).get(address("study", study, "start/")).status_code == 405
    assert not site.network.of("run")


@pytest.mark.parametrize("role", [Role.MEMBER, Role.TRAINER])
def test_runs_are_followed_by_those_whose_work_it_is(site: Site, people: People, study: str, role: Role):
    run = site.start(study)
    assert people.client(role).get(address("run", run)).status_code == 403
    assert people.client(role).get(address("run", run, "stream/")).status_code == 403
    assert anonymous().get(address("run", run)).status_code == 302
    assert people.client(Role.AUDITOR).get(address("run", run)).status_code == 200


def test_a_participant_sees_what_its_guard_let_out_and_the_page_reloads_until_the_end(
    site: Site, people: People, study: str
):
    run = site.start(study)
    site.follow("rabat", "fes")
    site.look_from("fes")
    client = people.client(Role.DATA_STEWARD)
    page = client.get(address("run", run)).content.decode()
    assert '<noscript><meta http-equiv="refresh"' in page
    assert "At this institute" in page
    assert "given" in page
    site.compute(run)
    Run.objects.update(state=Run.State.FAILED, message="agadir <did> not answer.")
    page = client.get(address("run", run)).content.decode()
    assert "http-equiv" not in page
    assert "agadir &lt;did&gt; not answer." in page


def test_the_convergence_of_a_model_is_drawn_with_a_table_of_the_same_figures(site: Site, people: People):
    study = site.propose(**GLM)
    site.decide(study, "rabat", "fes")
    run = site.start(study)
    site.follow("rabat", "fes")
    site.compute(run)
    site.look_from("fes")
    page = people.client(Role.RESEARCHER, language="fr").get(address("run", run)).content.decode()
    assert '<svg class="chart"' in page
    assert "<caption>" in page.partition('<svg class="chart"')[2]
    assert ',5" y' not in page, "no decimal comma gets into a drawing"


def test_a_run_ends_at_the_proposer_with_a_reason(site: Site, people: People, study: str):
    run = site.start(study)
    client = people.client(Role.OPERATOR)
    client.post(address("run", run, "cancel/"), {"reason": "  "})
    assert not site.network.is_withdrawn(run)
    client.post(address("run", run, "cancel/"), {"reason": "Wrong parameters."})
    assert site.network.is_withdrawn(run)
    assert "withdrawn, ending" in client.get(address("run", run)).content.decode()
    client.post(address("run", run, "cancel/"), {"reason": "Again."})
    assert len(site.network.of("withdrawal")) == 1


def test_nobody_ends_the_run_of_another_institute(site: Site, people: People, study: str):
    run = site.start(study)
    site.look_from("fes")
    answer = people.client(Role.OPERATOR).post(address("run", run, "cancel/"), {"reason": "I do not like it."})
    assert answer.status_code == 403
    assert not site.network.is_withdrawn(run)
    assert people.client(Role.DATA_STEWARD).post(address("run", run, "cancel/"), {"reason": "x"}).status_code == 403


def test_a_run_that_is_not_here_is_not_found(site: Site, people: People, study: str):
    client = people.client(Role.RESEARCHER)
    for tail in ("", "stream/"):
        assert client.get(address("run", "rabat/run/none@1", tail)).status_code == 404
        assert client.get(address("run", study.replace("/study/", "/run/"), tail)).status_code == 404


def streaming(people: People, *roles: Role) -> AsyncClient:
    """A client of the streams, signed in as ``people.client``."""
    client = AsyncClient()
    client.cookies = people.client(*roles).cookies
    return client


def test_the_stream_tells_changes_and_ends_with_the_run(
    site: Site, people: People, study: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(running, "LOOK_SECONDS", 0.0)
    run = site.start(study)
    site.follow("rabat")
    client = streaming(people, Role.RESEARCHER)

    async def read() -> str:
        answer = await client.get(address("run", run, "stream/"))
        assert answer["Content-Type"] == "text/event-stream"
        told = ""
        async for part in answer.streaming_content:
            told += part.decode()
            if told.count("event: run") == 1:
                await Run.objects.aupdate(state=Run.State.FAILED, message="It broke.")
        return told

    told = async_to_sync(read)()
    assert told.count("event: run\n") == 2
    assert "It broke." in told
    assert told.endswith("event: over\ndata: \n\n")
    assert running.STREAMS.open.total() == 0


def test_streams_are_bounded_and_a_reader_who_leaves_gives_the_place_back(
    site: Site, people: People, study: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(running, "MOST_STREAMS_OF_ONE", 1)
    run = site.start(study)
    site.follow("rabat")
    client = streaming(people, Role.RESEARCHER)

    async def read() -> tuple[int, int]:
        first = await client.get(address("run", run, "stream/"))
        content = aiter(first.streaming_content)
        await anext(content)
        refused = (await client.get(address("run", run, "stream/"))).status_code
        first.close()
        await asyncio.sleep(0)
        await first._iterator.aclose()  # as Django's handler does when the browser leaves
        return refused, (await client.get(address("run", run, "stream/"))).status_code

    assert async_to_sync(read)() == (503, 200)
    assert running.STREAMS.open.total() == 0


def test_a_heartbeat_keeps_a_quiet_stream_open(site: Site, people: People, study: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", -1.0)
    run = site.start(study)
    site.follow("rabat")

    async def read() -> list[str]:
        content = running._events(run, 1, "en")
        told = [await anext(content) for _ in range(3)]
        await content.aclose()
        return told

    told = async_to_sync(read)()
    assert told[0].startswith("event: run")
    assert told[1:] == [": still here\n\n"] * 2


def test_the_root_counts_the_answers_of_each_institute(site: Site, people: People, study: str):
    run = site.start(study)
    site.follow("rabat", "fes")
    site.compute(run)
    folder = site.here("network").engine_folder
    folder.mkdir(parents=True, exist_ok=True)
    (site.home.engine / "runs").rename(folder / "runs")
    site.look_from("network")
    page = people.client(Role.BOARD).get(address("run", run)).content.decode()
    assert "not known here" not in page
    assert "At this institute" not in page


@pytest.mark.parametrize(("language", "explained"), [("fr", True), ("en", False)])
def test_why_a_run_ended_is_in_the_language_of_the_reader(
    site: Site, people: People, study: str, language: str, explained: bool
):
    run = site.start(study)
    site.follow("rabat")
    Run.objects.update(message="fes refused round 1 (studies.below-floor): its audit trail says why.")
    page = people.client(Role.RESEARCHER, language=language).get(address("run", run)).content.decode()
    assert ("a refusé le tour" in page) is explained
    assert ("refused round" in page) is not explained
    assert ("Trop peu de sujets distincts" in page) is explained
    assert ("Too few distinct subjects" in page) is False
