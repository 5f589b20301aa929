"""What the node's running gateway tells about itself: on its own address and on its operator's socket."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from jazari.core.errors import JazariError
from jazari.gateway.client_tls import client_tls
from jazari.gateway.configuration import GatewayConfig
from jazari.gateway.drills.operator import Operator
from jazari.gateway.drills.sockets import control_path
from jazari.settings.home import Home

PATIENCE_SECONDS = 2.0
LARGEST_ANSWER = 4_000_000
_SHUT = "jazari_gateway_provider_shut"


@dataclass(frozen=True)
class RunningState:
    """``answers``: whether it runs. What it did not tell is None; ``shut`` says which breakers are open, by provider.

    ``problems`` are its own sentences; ``cut`` is what a drill has cut off now.
    """

    answers: bool = False
    ready: bool | None = None
    open_calls: int | None = None
    problems: Mapping[str, str] = field(default_factory=dict)
    shut: Mapping[str, bool] | None = None
    cut: Mapping[str, Any] | None = None

    def health(self, provider: str) -> str:
        """``cut``, ``shut``, ``well``, or ``unknown``."""
        if self.cut is not None and self.cut.get("what") == provider:
            return "cut"
        if self.shut is None or provider not in self.shut:
            return "unknown"
        return "shut" if self.shut[provider] else "well"


def ask_running(home: Home, config: GatewayConfig) -> RunningState:
    """Ask it now; takes a few seconds at most, and never fails."""
    try:
        verify = client_tls(home, config) or True
        base = config.address.removesuffix("/v1")
        with httpx.Client(base_url=base, timeout=PATIENCE_SECONDS, verify=verify, trust_env=False) as client:
            ready = client.get("/readyz")
            metrics = client.get("/metrics")
        told = ready.json()
        if not isinstance(told, dict) or "ready" not in told:
            return RunningState()
    except (httpx.HTTPError, JazariError, ValueError):
        return RunningState()
    open_calls, problems = told.get("open_calls"), told.get("problems")
    return RunningState(
        answers=True,
        ready=told["ready"] is True,
        open_calls=open_calls if isinstance(open_calls, int) else None,
        problems={str(name): str(text) for name, text in problems.items()} if isinstance(problems, dict) else {},
        shut=_shut(metrics),
        cut=_cut(home),
    )


def _shut(answer: httpx.Response) -> Mapping[str, bool] | None:
    if answer.status_code != 200 or len(answer.content) > LARGEST_ANSWER:
        return None
    with suppress(ValueError):
        for family in text_string_to_metric_families(answer.text):
            if family.name == _SHUT:
                return {sample.labels.get("provider", ""): sample.value == 1 for sample in family.samples}
    return None


def _cut(home: Home) -> Mapping[str, Any] | None:
    with suppress(JazariError, OSError, ValueError, KeyError), Operator(control_path(home)) as operator:
        cut = operator.state()["cut"]
        return cut if isinstance(cut, dict) else None
    return None
