"""The control socket: its owner's alone, patient with nonsense, and no cut outlives its time or who ordered it."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jazari.core.errors import JazariError
from jazari.federation.cut_off import REGISTRY, ROOT, what_is_cut
from jazari.gateway.configuration import parse_gateway
from jazari.gateway.drills.errors import BadOrder, CutAlready, GatewayNotRunning, NothingToCut
from jazari.gateway.drills.operator import Operator
from jazari.gateway.drills.orders import LARGEST_ORDER
from jazari.gateway.drills.sockets import connect, control_path
from jazari.gateway.drills.tests.homes import Controlled, new_home
from jazari.gateway.proxy.severing import Mode
from jazari.gateway.proxy.tests.serving import key, knowledge, toml
from jazari.gateway.tests.network_builders import ROOT as ROOT_NODE
from jazari.gateway.tests.network_builders import directory
from jazari.settings.home import Home, NodeConfig
from jazari.testing.providers.openai_like import OpenAILike
from jazari.testing.waiting import until

SECRET, KEY = key(project="drills")
_ORDERER = """
import sys, time
from pathlib import Path
from jazari.gateway.drills.operator import Operator
from jazari.gateway.proxy.severing import Mode
with Operator(Path(sys.argv[1])) as operator:
    operator.cut("first", Mode.REFUSE, float(sys.argv[2]))
    print("cut", flush=True)
    time.sleep(600)
"""

_STRANGER = """
import os, socket, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
s.connect(f"/proc/self/fd/{folder}/gateway.sock")
try:
    s.sendall(b'{"do":"state"}' + bytes([10]))
    print("connected", s.recv(100))
except OSError:
    print("connected reset")
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Controlled]:
    addresses = {"first": "http://127.0.0.1:9", "second": "http://127.0.0.1:9"}
    home = new_home(tmp_path / "home")
    with Controlled(home, toml(addresses), KEY) as made, made.controlled():
        yield made


def way(gateway: Controlled, name: str = "first") -> Mode | None:
    return gateway.live.providers[name].upstream.way.mode


def spooled(gateway: Controlled) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in sorted(gateway.home.spool.glob("*.json"))]


def test_cut_and_mended_and_both_are_audited(gateway: Controlled) -> None:
    with Operator(gateway.socket) as operator:
        assert operator.state() == {"cut": None}
        cut = operator.cut("first", Mode.BLACKHOLE, 60)
        assert (way(gateway), way(gateway, "second")) == (Mode.BLACKHOLE, None)
        assert operator.state()["cut"]["id"] == cut["id"]
        operator.mend()
        assert operator.state() == {"cut": None}
    assert way(gateway) is None
    events = until(lambda: len(found := spooled(gateway)) == 2 and found, "both events are written")
    assert [(one["kind"], one["subject"]) for one in events] == [
        ("gateway.cut-began", "first"),
        ("gateway.cut-ended", "first"),
    ]
    assert events[1]["detail"] == {"cut": cut["id"], "why": "mended"}


def test_nobody_but_its_owner_may_open_the_socket(gateway: Controlled) -> None:
    assert stat.S_IMODE(gateway.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(gateway.socket.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_another_user_is_refused_even_where_the_folders_are_open(gateway: Controlled) -> None:
    # Opened wide on purpose: then the kernel's word about who asks still counts.
    gateway.socket.chmod(0o666)
    gateway.socket.parent.chmod(0o755)
    command = [sys.executable, "-c", _STRANGER, str(gateway.socket.parent)]
    heard = [subprocess.check_output([*command, user], text=True, timeout=30) for user in ("0", "65534")]
    assert heard[0].startswith("""connected b'{"cut": null}""")
    assert heard[1].strip() in ("connected b''", "connected reset")


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"[]",
        b'{"do":"reset"}',
        b'{"do":"cut"}',
        b'{"do":"cut","what":"first","seconds":0}',
        b'{"do":"cut","what":"first","seconds":1e9}',
        b'{"do":"cut","what":"first","seconds":"5"}',
        b'{"do":"cut","what":"first","seconds":NaN}',
        b'{"do":"cut","what":"../etc","seconds":5}',
        b'{"do":"cut","what":"first","seconds":5,"mode":"burn"}',
        b'{"do":"cut","what":"first","seconds":5,"more":1}',
        b'{"do":"mend"}',
        b'{"do":"state","project":7}',
        b"\xff\xfe",
        b"x" * (LARGEST_ORDER + 10),
    ],
    ids=lambda line: line[:50].decode("latin-1"),
)
def test_what_is_no_order_is_answered_with_one_sentence_and_does_nothing(gateway: Controlled, line: bytes) -> None:
    with connect(gateway.socket) as connection:
        connection.sendall(line + b"\n")
        answer = json.loads(connection.makefile("rb").readline())
    assert answer["error"]["code"] == "gateway.bad-order"
    assert answer["error"]["message"].endswith(".")
    assert way(gateway) is None
    with Operator(gateway.socket) as operator:
        assert operator.state() == {"cut": None}


def test_a_name_that_nobody_has_is_not_found(gateway: Controlled) -> None:
    with Operator(gateway.socket) as operator, pytest.raises(NothingToCut, match="first, second"):
        operator.cut("thirds", Mode.REFUSE, 5)


def test_there_is_never_a_second_cut_and_only_who_cut_mends(gateway: Controlled) -> None:
    with Operator(gateway.socket) as one, Operator(gateway.socket) as other:
        one.cut("first", Mode.REFUSE, 60)
        with pytest.raises(CutAlready):
            other.cut("second", Mode.REFUSE, 60)
        with pytest.raises(BadOrder):
            other.mend()
        assert way(gateway) is Mode.REFUSE
    until(lambda: way(gateway) is None, "the connection's end ends the cut")


def ordered(gateway: Controlled, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _ORDERER, str(gateway.socket), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "cut\n"
    return process


def test_a_cut_ends_when_who_ordered_it_is_killed(gateway: Controlled) -> None:
    process = ordered(gateway, 600)
    assert way(gateway) is Mode.REFUSE
    process.kill()
    process.wait(10)
    until(lambda: way(gateway) is None, "the cut is over")
    until(lambda: len(spooled(gateway)) == 2, "both events are written")
    assert spooled(gateway)[-1]["detail"]["why"] == "whoever ordered it is gone"


def test_a_cut_ends_when_its_time_is_over_though_who_ordered_it_hangs(gateway: Controlled) -> None:
    process = ordered(gateway, 1.0)
    try:
        process.send_signal(signal.SIGSTOP)
        until(lambda: way(gateway) is None, "the cut is over")
        until(lambda: len(spooled(gateway)) == 2, "both events are written")
        assert spooled(gateway)[-1]["detail"]["why"] == "its time is over"
    finally:
        process.kill()
        process.wait(10)


def test_a_registry_that_is_cut_is_known_to_the_nodes_other_processes(gateway: Controlled) -> None:
    with Operator(gateway.socket) as operator:
        operator.cut("registry", Mode.REFUSE, 60)
        assert what_is_cut(gateway.home) == REGISTRY
        operator.mend()
        assert what_is_cut(gateway.home) == ""


@pytest.fixture
def beside_root(tmp_path: Path) -> Iterator[tuple[Controlled, OpenAILike]]:
    """A gateway that asks the Root's gateway, then another institute's, then a model of its own, which answers."""
    home = new_home(tmp_path / "home")
    (home.mirror / "targets").mkdir(parents=True)
    (home.mirror / "targets" / "directory.json").write_bytes(directory().to_bytes())
    with OpenAILike() as model:
        text = toml({"above": "https://127.0.0.1:9/v1", "fes": "https://127.0.0.1:9/v1", "own": model.url})
        for name, institute in (("above", ROOT_NODE), ("fes", "fes")):
            old = f'card = "rabat/provider/{name}@1"\nprotocol = "openai"'
            text = text.replace(old, f'card = "{institute}/provider/gateway@1"\nprotocol = "jazari"')
        card = {"protocol": "jazari", "address": "https://127.0.0.1:9/v1"}
        config = parse_gateway(text)
        known = knowledge(config, above=card, fes=card)
        with Controlled(home, text, KEY, known=known) as made, made.controlled():
            yield made, model


def test_a_cut_of_the_root_severs_its_gateway_alone_and_calls_go_on(
    beside_root: tuple[Controlled, OpenAILike],
) -> None:
    gateway, model = beside_root
    with Operator(gateway.socket) as operator:
        operator.cut("root", Mode.REFUSE, 60)
        assert [way(gateway, name) for name in ("above", "fes", "own")] == [Mode.REFUSE, None, None]
        assert what_is_cut(gateway.home) == ROOT
        asked = model.counts.requests
        body = {"model": "chat", "messages": [{"role": "user", "content": "Who built water clocks?"}]}
        answer = httpx.post(
            f"{gateway.url}/chat/completions", json=body, headers={"authorization": f"Bearer {SECRET}"}, timeout=20
        )
        assert (answer.status_code, model.counts.requests) == (200, asked + 1)
        tried = [(one.provider, one.outcome) for one in gateway.receipts()[-1].tried]
        assert tried == [("above", "cut by a drill"), ("fes", "not reached"), ("own", "answered")]
        operator.mend()
    assert way(gateway, "above") is None
    assert what_is_cut(gateway.home) == ""


def test_a_cut_of_the_root_ends_by_itself_and_with_the_gateway(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    with Controlled(home, toml({"first": "http://127.0.0.1:9"}), KEY) as gateway:
        with gateway.controlled(), Operator(gateway.socket) as operator:
            operator.cut("root", Mode.REFUSE, 0.3)
            until(lambda: not what_is_cut(gateway.home), "its time is over")
            assert what_is_cut(home) == ""
            operator.cut("root", Mode.REFUSE, 600)
            assert what_is_cut(home) == ROOT
        assert what_is_cut(home) == ""


def test_the_root_does_not_cut_itself(tmp_path: Path) -> None:
    config = NodeConfig(role="root", namespace="network", network="Network", root_url="https://127.0.0.1:1")
    home = Home.create(tmp_path / "root", config)
    with Controlled(home, toml({"first": "http://127.0.0.1:9"}), KEY) as gateway, gateway.controlled():
        with Operator(gateway.socket) as operator, pytest.raises(NothingToCut, match="is the Root"):
            operator.cut("root", Mode.REFUSE, 5)
        assert what_is_cut(home) == ""


def test_a_marker_counts_only_for_its_time(tmp_path: Path) -> None:
    home = new_home(tmp_path / "other")
    for text in ('{"what": "root", "until": 1.0}', "[", '{"what": "root"}', '{"until": 9e99}'):
        (home.run / "drill.cut").write_text(text)
        assert what_is_cut(home) == ""


def test_a_balance_is_told_for_a_project(gateway: Controlled) -> None:
    with Operator(gateway.socket) as operator:
        assert operator.state("drills")["balance"] == {"spent": 0, "reserved": 0}


def test_without_a_gateway_it_says_so(tmp_path: Path) -> None:
    home = new_home(tmp_path / "nobody")
    with pytest.raises(GatewayNotRunning, match="start it"):
        Operator(control_path(home))


def test_a_deep_home_and_a_socket_left_by_a_dead_gateway_are_no_trouble(tmp_path: Path) -> None:
    home = new_home(tmp_path / ("deep" * 20) / ("er" * 30))
    control_path(home).write_bytes(b"")
    with (
        Controlled(home, toml({"first": "http://127.0.0.1:9"}), KEY) as made,
        made.controlled(),
        Operator(made.socket) as operator,
    ):
        assert operator.state() == {"cut": None}
    assert not control_path(home).exists()
    with pytest.raises(JazariError):
        Operator(control_path(home))
