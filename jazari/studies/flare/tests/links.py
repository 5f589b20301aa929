"""A weak line between two network namespaces: rate, delay, loss and cuts, under the kernel's own TCP.

``tc netem`` does it where the kernel has it (``sch_netem``). Where it has not, a thread of this process carries the
packets between two TUN devices and does to them what netem would: one queue for each direction that drains at the
rate, a constant delay, each packet lost on its own. TCP, its retransmissions and its time-outs are the kernel's
either way. Where namespaces are not permitted at all, tests are skipped, and say so.

Traffic stays in the namespaces made here, which are removed at the end.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
import uuid
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pytest

NEAR_ADDRESS, FAR_ADDRESS = "10.77.0.1", "10.77.0.2"
_QUEUE_PACKETS = 1000  # netem's own limit
_CLONE_NEWNET, _TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x40000000, 0x400454CA, 0x0001, 0x1000


@dataclass(frozen=True)
class Quality:
    """Bits per second, seconds one way, and the share of packets that are lost, each direction by itself."""

    rate: int
    delay: float
    loss: float

    @property
    def netem(self) -> list[str]:
        """As ``tc`` wants it."""
        return ["delay", f"{self.delay * 1000:.0f}ms", "loss", f"{self.loss:.2%}", "rate", f"{self.rate}bit"]


WEAK = Quality(256_000, 0.5, 0.05)
"""256 kbit/s, 500 ms each way, one packet in twenty lost: each direction by itself."""
GOOD = Quality(1_000_000_000, 0.0, 0.0)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def why_not() -> str:
    """Why namespaces cannot be made here; empty if they can."""
    name = f"jz{uuid.uuid4().hex[:8]}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except (OSError, subprocess.SubprocessError) as error:
        return f"no network namespaces here ({error}): run as root, with iproute2"
    if not _has_netem() and not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "neither netem nor /dev/net/tun here"
    return ""


def need_namespaces() -> None:
    """Skip, and say so loudly (as ``.ci/run`` does once more), where weak lines cannot be made."""
    if why := why_not():
        warnings.warn(f"WEAK LINKS WERE NOT TESTED: {why}", stacklevel=2)
        pytest.skip(why)


@lru_cache
def _has_netem() -> bool:
    name = f"jz{uuid.uuid4().hex[:8]}"
    try:
        _ip("netns", "add", name)
        _tc(name, "lo", ["netem", "delay", "1ms"])
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=20)
    return True


def _tc(namespace: str, device: str, words: list[str]) -> None:
    argv = ["tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", *words]
    subprocess.run(argv, check=True, capture_output=True, timeout=20)


class Link:
    """Two namespaces, ``near`` (10.77.0.1) and ``far`` (10.77.0.2), and one line between them."""

    def __init__(self, quality: Quality = WEAK) -> None:
        name = uuid.uuid4().hex[:8]
        self.near, self.far = f"jzn{name}", f"jzf{name}"
        self._carrier: _Netem | _Carrier | None = None
        try:
            for namespace in (self.near, self.far):
                _ip("netns", "add", namespace)
                _ip("-n", namespace, "link", "set", "lo", "up")
            self._carrier = _Netem(self) if _has_netem() else _Carrier(self)
            for namespace, address in ((self.near, NEAR_ADDRESS), (self.far, FAR_ADDRESS)):
                _ip("-n", namespace, "address", "add", f"{address}/24", "dev", "line")
                _ip("-n", namespace, "link", "set", "line", "up")
            self.become(quality)
        except BaseException:
            self.close()
            raise

    @property
    def how(self) -> str:
        """What makes the line weak: ``netem`` or ``carrier``."""
        return "netem" if isinstance(self._carrier, _Netem) else "carrier"

    def become(self, quality: Quality) -> None:
        """Change the line."""
        assert self._carrier is not None
        self._carrier.become(quality)

    def cut(self) -> None:
        """Lose everything from now on."""
        self.become(Quality(GOOD.rate, 0.0, 1.0))

    def bytes_from(self, namespace: str) -> int:
        """How much a side has sent so far, lost packets included."""
        argv = ["ip", "netns", "exec", namespace, "cat", "/sys/class/net/line/statistics/tx_bytes"]
        return int(subprocess.run(argv, check=True, capture_output=True, timeout=20).stdout)

    def close(self) -> None:
        """Remove everything."""
        if self._carrier is not None:
            self._carrier.close()
        for namespace in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True, timeout=20)


class _Netem:
    """A veth pair with netem at both ends."""

    def __init__(self, link: Link) -> None:
        self._ends = (link.near, link.far)
        _ip("-n", link.near, "link", "add", "line", "type", "veth", "peer", "name", "line", "netns", link.far)

    def become(self, quality: Quality) -> None:
        for namespace in self._ends:
            _tc(namespace, "line", ["netem", *quality.netem])

    def close(self) -> None:
        """The devices go with their namespaces."""


@dataclass
class _Way:
    """One direction: packets on their way, by when they arrive."""

    reading: int
    writing: int
    free_at: float = 0.0
    packets: list[tuple[float, int, bytes]] = field(default_factory=list)


class _Carrier:
    """Carries packets between two TUN devices in a thread of its own."""

    def __init__(self, link: Link) -> None:
        near, far = _open_tun(link.near), _open_tun(link.far)
        self._ways = (_Way(near, far), _Way(far, near))
        self._quality, self._number, self._closed = GOOD, 0, threading.Event()
        self._random = random.Random(20)
        self._thread = threading.Thread(target=self._carry, name="weak line", daemon=True)
        self._thread.start()

    def become(self, quality: Quality) -> None:
        self._quality = quality

    def close(self) -> None:
        self._closed.set()
        self._thread.join(5)
        for way in self._ways:
            os.close(way.reading)

    def _carry(self) -> None:
        by_device = {way.reading: way for way in self._ways}
        while not self._closed.is_set():
            due = min((way.packets[0][0] for way in self._ways if way.packets), default=time.monotonic() + 0.2)
            ready, _, _ = select.select(list(by_device), [], [], max(0.0, min(due - time.monotonic(), 0.2)))
            for device in ready:
                self._enter(by_device[device], os.read(device, 65_536))
            for way in self._ways:
                self._leave(way, time.monotonic())

    def _enter(self, way: _Way, packet: bytes) -> None:
        quality, now = self._quality, time.monotonic()
        if len(way.packets) >= _QUEUE_PACKETS or self._random.random() < quality.loss:
            return
        way.free_at = max(way.free_at, now) + len(packet) * 8 / quality.rate
        self._number += 1
        heapq.heappush(way.packets, (way.free_at + quality.delay, self._number, packet))

    @staticmethod
    def _leave(way: _Way, now: float) -> None:
        while way.packets and way.packets[0][0] <= now:
            try:
                os.write(way.writing, heapq.heappop(way.packets)[2])
            except OSError:
                continue  # the device is not up yet, or not any more


def _open_tun(namespace: str) -> int:
    """A TUN device named ``line`` in ``namespace``, opened by a thread that goes there for it."""
    opened: list[int] = []

    def there() -> None:
        with Path(f"/run/netns/{namespace}").open("rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                return
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"line", _IFF_TUN | _IFF_NO_PI))
        opened.append(device)

    thread = threading.Thread(target=there, name="tun")
    thread.start()
    thread.join()
    if not opened:
        raise OSError(f"No TUN device could be made in {namespace}.")
    return opened[0]
