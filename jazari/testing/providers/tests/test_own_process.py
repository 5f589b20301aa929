"""Stand-ins in processes of their own, as benchmarks start them."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest


@contextmanager
def started(module, *words):
    argv = [sys.executable, "-m", f"jazari.testing.providers.{module}", "0", *words]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_openai_like_counts_and_answers_as_asked():
    with started("openai_like", "--words", "3") as url:
        body = {"model": "stand-in", "messages": [{"role": "user", "content": "hello"}]}
        answer = httpx.post(f"{url}/chat/completions", json=body).json()
        counts = httpx.get(f"{url.removesuffix('/v1')}/counts").json()
    assert answer["usage"]["completion_tokens"] == 3
    assert (counts["requests"], counts["finished"]) == (1, 1)


@pytest.fixture
def interruptible():
    """What a shell starts in the background ignores SIGINT, and so would the programs that these tests start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_openai_like_ends_without_a_word_when_it_is_interrupted():
    argv = [sys.executable, "-m", "jazari.testing.providers.openai_like", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith("http://")
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, said) == (0, "")


@pytest.mark.slow
def test_mistral_like():
    with started("mistral_like", "--secret", "mine") as origin:
        assert httpx.get(f"{origin}/v1/models").status_code == 401
        found = httpx.get(f"{origin}/v1/models", headers={"Authorization": "Bearer mine"}).json()
    assert found["data"][0]["id"] == "mistral-stand-in"
