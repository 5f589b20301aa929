"""The embedded engine with a real model in its real process: what it answers, what it keeps, how it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import httpx
import openai
import psutil
import pytest

from jazari.gateway.configuration import parse_gateway
from jazari.gateway.embedded import store, supervisor
from jazari.gateway.embedded.errors import EngineAway
from jazari.gateway.embedded.settings import EngineKey, EngineSettings, engine_key, wanted_engines
from jazari.gateway.embedded.supervisor import LONGEST_DELAY, Engines, backoff, engine_environment
from jazari.gateway.tests.gguf_files import gguf
from jazari.gateway.words import Kind
from jazari.testing.small_model import require_engine, require_small_model

ASK = [{"role": "user", "content": "Say hello to the water clock."}]
WRITES = EngineSettings(EngineKey("small", embeds=False), threads=1, at_once=4, context_tokens=256)
EMBEDS = replace(WRITES, key=EngineKey("small", embeds=True))
LOAD_SECONDS = 60
CONFIG = """
[provider.one]
card = "rabat/provider/one@1"
protocol = "embedded"
threads = 2
most_at_once = 3
[provider.two]
card = "rabat/provider/two@1"
protocol = "embedded"
most_at_once = 8
[provider.far]
card = "rabat/provider/far@1"
protocol = "openai"
address = "https://api.example.ma/v1"
[route.chat]
kind = "chat"
targets = [{ provider = "far", model = "large" }, { provider = "one", model = "small" }]
[route.complete]
kind = "completion"
targets = [{ provider = "two", model = "small" }]
[route.embed]
kind = "embedding"
targets = [{ provider = "one", model = "small" }]
"""


async def ready(engines: Engines) -> bool:
    """Whether every engine answers within ``LOAD_SECONDS``."""
    until = time.monotonic() + LOAD_SECONDS
    while not all(state.ready for state in engines.states()) and time.monotonic() < until:
        await asyncio.sleep(0.05)
    return all(state.ready for state in engines.states())


def test_an_engine_that_hears_nothing_while_it_loads_is_killed_without_an_error(monkeypatch):
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.2)

    async def end_one_that_is_deaf() -> int | None:
        child = await asyncio.create_subprocess_exec("sleep", "60", stdin=asyncio.subprocess.PIPE)
        await supervisor._ended(child)
        return child.returncode

    assert asyncio.run(end_one_that_is_deaf()) == -signal.SIGKILL


def test_engines_that_routes_want():
    assert wanted_engines(parse_gateway(CONFIG)) == [
        EngineSettings(EngineKey("small", embeds=False), threads=2, at_once=8),
        EngineSettings(EngineKey("small", embeds=True), threads=2, at_once=3),
    ]
    assert wanted_engines(parse_gateway("")) == []


def test_settings_survive_the_way_to_the_process():
    assert EngineSettings.from_document(json.loads(json.dumps(EMBEDS.document()))) == EMBEDS
    assert engine_key("small", Kind.COMPLETION) == engine_key("small", Kind.CHAT) != engine_key("small", Kind.EMBEDDING)


def test_delays_grow_to_a_limit():
    assert [backoff(n) for n in (1, 2, 3, 4)] == [0.5, 1, 2, 4]
    assert backoff(10_000) == LONGEST_DELAY


def test_secrets_of_providers_are_not_inherited(monkeypatch):
    monkeypatch.setenv("MISTRAL_API_KEY", "s3cret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    inherited = engine_environment()
    assert inherited["PATH"]
    assert inherited["CUDA_VISIBLE_DEVICES"] == "0"
    assert "MISTRAL_API_KEY" not in inherited


async def problem_of(engines):
    """The sentence that clients would be told, once there is one."""
    async with engines:
        async with asyncio.timeout(LOAD_SECONDS):
            while not engines.states()[0].problem:
                await asyncio.sleep(0.02)
        with pytest.raises(EngineAway) as told:
            engines.endpoint("small", Kind.CHAT)
        assert str(told.value) == engines.states()[0].problem
        return str(told.value)


def test_model_that_is_not_in_the_store(tmp_path):
    require_engine()
    assert "jazari models add" in asyncio.run(problem_of(Engines(tmp_path, [WRITES])))


def test_model_that_llama_cpp_cannot_load(tmp_path):
    require_engine()
    (tmp_path / "tiny.gguf").write_bytes(gguf())
    store.add(tmp_path, tmp_path / "tiny.gguf", "small")
    assert "cannot load the model small (llama)" in asyncio.run(problem_of(Engines(tmp_path, [WRITES])))


def test_changed_model_is_not_loaded(tmp_path):
    require_engine()
    (tmp_path / "tiny.gguf").write_bytes(gguf())
    path = store.add(tmp_path, tmp_path / "tiny.gguf", "small").path(tmp_path)
    path.chmod(0o600)
    path.write_bytes(gguf(data=b"\1" * 64))
    assert "was changed since it was added" in asyncio.run(problem_of(Engines(tmp_path, [WRITES])))


def test_without_llama_cpp_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "xllamacpp.py").write_text("raise ImportError")
    inherited = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), inherited])))
    assert "pip install 'jazari[embedded]'" in asyncio.run(problem_of(Engines(tmp_path, [WRITES])))


def test_engine_that_nobody_asked_for(tmp_path):
    with pytest.raises(EngineAway, match="name it in a route"):
        Engines(tmp_path, []).endpoint("small", Kind.CHAT)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    path = tmp_path_factory.mktemp("home")
    store.add(path, require_small_model(), "small")
    return path


def client_of(endpoint):
    return openai.OpenAI(base_url=endpoint.address, api_key=endpoint.secret, max_retries=0, timeout=60)


def refused_without_secret(endpoint):
    answers = [
        httpx.post(f"{endpoint.address}/chat/completions", json={}, headers=headers)
        for headers in ({}, {"Authorization": "Bearer guess"})
    ]
    return all(answer.status_code == 401 for answer in answers)


def ask_everything(endpoint):
    """Calls of every kind; each answer is real, none is judged: the model is far too small."""
    with client_of(endpoint) as client:
        plain = client.chat.completions.create(model="small", messages=ASK, max_tokens=5, temperature=0)
        again = client.chat.completions.create(model="small", messages=ASK, max_tokens=5, temperature=0)
        wanted = {"include_usage": True}
        events = list(
            client.chat.completions.create(
                model="small", messages=ASK, max_tokens=5, temperature=0, stream=True, stream_options=wanted
            )
        )
        text = client.completions.create(model="small", prompt="Once", max_tokens=4)
        schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
        shaped = client.chat.completions.create(
            model="small",
            messages=ASK,
            max_tokens=40,
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        )
        return plain, again, events, text, shaped


@pytest.mark.slow
def test_real_model_answers_and_comes_back_when_it_is_killed(home):
    async def act():
        engines = Engines(home, [WRITES])
        async with engines:
            with pytest.raises(EngineAway, match="loading"):
                engines.endpoint("small", Kind.CHAT)
            assert await ready(engines)
            endpoint = engines.endpoint("small", Kind.CHAT)
            assert await asyncio.to_thread(refused_without_secret, endpoint)
            answers = await asyncio.to_thread(ask_everything, endpoint)
            (state,) = engines.states()
            facts = seen(state.pid, endpoint)
            os.kill(state.pid, signal.SIGKILL)
            async with asyncio.timeout(LOAD_SECONDS):
                while engines.states()[0].starts < 2:
                    await asyncio.sleep(0.02)
            assert await ready(engines)
            after = engines.endpoint("small", Kind.COMPLETION)
            assert after.secret != endpoint.secret
            text = await asyncio.to_thread(
                lambda: client_of(after).completions.create(model="small", prompt="Once", max_tokens=2)
            )
            last = engines.states()[0].pid
        return answers, facts, text, last

    (plain, again, events, text, shaped), facts, later, last = asyncio.run(act())
    said = plain.choices[0].message.content
    assert said
    assert "".join(event.choices[0].delta.content or "" for event in events if event.choices) == said
    assert plain.usage == again.usage == events[-1].usage, "nothing of an earlier call is counted or kept"
    assert plain.usage.prompt_tokens_details.cached_tokens == 0
    assert plain.usage.completion_tokens == 5
    assert text.usage.completion_tokens == 4
    assert json.loads(shaped.choices[0].message.content)["n"] in (1, 2)
    assert facts == {"listens": {"127.0.0.1"}, "secret on its command line": False, "nicer by": 5}
    assert later.usage.completion_tokens == 2
    assert not psutil.pid_exists(last), "it ends with the gateway"


def seen(pid, endpoint):
    """What other people of the machine can see of an engine."""
    process = psutil.Process(pid)
    return {
        "listens": {one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN},
        "secret on its command line": endpoint.secret in " ".join(process.cmdline()),
        "nicer by": process.nice() - psutil.Process().nice(),
    }


@pytest.mark.slow
def test_embeddings(home):
    async def act():
        async with Engines(home, [EMBEDS]) as engines:
            assert await ready(engines)
            endpoint = engines.endpoint("small", Kind.EMBEDDING)
            texts = ["a water clock", "a water clock", "ساعة مائية"]
            client = client_of(endpoint)
            return await asyncio.to_thread(lambda: client.embeddings.create(model="small", input=texts))

    answer = asyncio.run(act())
    first, same, other = (row.embedding for row in answer.data)
    assert len(first) == 576
    assert first == pytest.approx(same, abs=1e-4)
    assert first != pytest.approx(other, abs=1e-2)


def generate(endpoint, events):
    """Ask for a long answer, and leave after so many events."""
    body = {"model": "small", "messages": ASK, "max_tokens": 200, "ignore_eos": True, "stream": True}
    headers = {"Authorization": f"Bearer {endpoint.secret}"}
    with httpx.stream("POST", f"{endpoint.address}/chat/completions", json=body, headers=headers, timeout=60) as answer:
        for number, line in enumerate(line for line in answer.iter_lines() if line):
            if number == events or line == "data: [DONE]":
                return


def work_of(engine, act):
    """Seconds of processor time that ``act`` costs the engine, until it rests."""
    start = now = sum(engine.cpu_times()[:2])
    act()
    while (later := sum(engine.cpu_times()[:2])) > now + 0.02:
        now = later
        time.sleep(0.5)
    return later - start


@pytest.mark.slow
def test_client_that_leaves_ends_the_work(home):
    async def act():
        async with Engines(home, [WRITES]) as engines:
            assert await ready(engines)
            endpoint, engine = engines.endpoint("small", Kind.CHAT), psutil.Process(engines.states()[0].pid)
            whole = await asyncio.to_thread(work_of, engine, lambda: generate(endpoint, 10_000))
            left = await asyncio.to_thread(work_of, engine, lambda: generate(endpoint, 3))
            return whole, left

    whole, left = asyncio.run(act())
    assert left < whole / 2


_GATEWAY = """
import asyncio, sys
from pathlib import Path
from jazari.gateway.embedded.settings import EngineKey, EngineSettings
from jazari.gateway.embedded.supervisor import Engines

async def main():
    async with Engines(Path(sys.argv[1]), [EngineSettings(EngineKey("small", False), 1, 2, 256)]) as engines:
        while not engines.states()[0].ready:
            await asyncio.sleep(0.05)
        print(engines.states()[0].pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.slow
def test_engine_ends_when_its_gateway_is_killed(home):
    gateway = subprocess.Popen([sys.executable, "-c", _GATEWAY, home], stdout=subprocess.PIPE, text=True)
    engine = psutil.Process(int(gateway.stdout.readline()))
    gateway.kill()
    gateway.wait()
    engine.wait(timeout=10)
    assert not engine.is_running()
