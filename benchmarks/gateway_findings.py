"""What the figures of the gateway's benchmark say beside the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.base import Finding, Outcome, at_least, at_most, median, spread
from benchmarks.gateway_rounds import BARE, DIRECT, HALF, Compared

if TYPE_CHECKING:
    from benchmarks.gateway import Found

GATEWAY, LITELLM = "this gateway", "LiteLLM"
MOST_ADDED_MS, MOST_ADDED_FIRST_MS, MOST_ADDED_P99_MS = 1.0, 2.0, 5.0
TIMES_LITELLM, SHARE_OF_ITS_LATENCY = 10.0, 0.1
STREAMS_SHARE = 0.95
START_SECONDS, MOST_MB = 2.0, 150.0
MOST_GROWTH = 1.05
"""Flat: what 90,000 calls more may add to the memory after 10,000, as a factor."""


def outcome(found: Found) -> Outcome:
    """Findings, every figure, and how they came about."""
    findings = [
        *_latency(found), *_capacity(found), *_litellm(found), *_streams(found), *_process(found), *_books(found),
    ]  # fmt: skip
    return Outcome(measured=_measured(found), findings=findings, notes=_notes(found))


def _latency(found: Found) -> list[Finding]:
    plain, first = _known(found.plain), _known(found.first)
    early = [first.added(GATEWAY, share, first=True) for share in (0.5, 0.99)]
    return [
        at_most("added to a plain answer, p50", plain.added(GATEWAY, 0.5), MOST_ADDED_MS, "ms"),
        at_most("added to a plain answer, p99", plain.added(GATEWAY, 0.99), MOST_ADDED_P99_MS, "ms"),
        _idle("idle share of the machine meanwhile", plain),
        at_most("added to the first streamed byte, p50", early[0], MOST_ADDED_FIRST_MS, "ms"),
        at_most("added to the first streamed byte, p99", early[1], MOST_ADDED_P99_MS, "ms"),
        _idle("idle share of the machine meanwhile, streams", first),
        Finding(
            "added by a bare proxy of the same libraries: plain p50 and p99, first byte p50 and p99",
            f"{plain.added(BARE, 0.5):.2f} and {plain.added(BARE, 0.99):.2f}, "
            f"{first.added(BARE, 0.5, first=True):.2f} and {first.added(BARE, 0.99, first=True):.2f} ms",
        ),
    ]  # fmt: skip


def _idle(measure: str, compared: Compared) -> Finding:
    share = compared.idle_share(GATEWAY)
    value = f"{share:.0%} at {compared.rate:,.0f} requests a second"
    return Finding(measure, value, f"at least {HALF:.0%}", share >= HALF)


def _capacity(found: Found) -> list[Finding]:
    ours, direct = found.capacity[GATEWAY], found.capacity[DIRECT]
    return [
        Finding("requests a second at most", f"{ours.per_second:,.0f} ({ours.tool}, {ours.failed} failed)"),
        Finding("requests a second at most, the provider directly", f"{direct.per_second:,.0f} ({direct.tool})"),
        Finding("requests a second at most, a bare proxy", f"{found.capacity[BARE].per_second:,.0f}"),
        Finding("processor time of the gateway for one call", f"{found.processor_microseconds:,.0f} microseconds"),
    ]  # fmt: skip


def _litellm(found: Found) -> list[Finding]:
    target = f"at least {TIMES_LITELLM:g} times, under {SHARE_OF_ITS_LATENCY:g} of its added latency"
    compared = found.beside_litellm
    if compared is None:
        return [Finding("beside LiteLLM's proxy", found.litellm_missing, target)]
    theirs = found.capacity[LITELLM]
    ours, added = found.capacity[GATEWAY].per_second, compared.added(LITELLM, 0.5)
    half_idle, same_load = (
        one.added(GATEWAY, 0.5) / added if added > 0 else float("inf") for one in (_known(found.plain), compared)
    )
    return [
        at_least("requests a second, of LiteLLM's", ours / max(theirs.per_second, 1e-9), TIMES_LITELLM, "times"),
        at_most(
            "added latency p50, of LiteLLM's, each at a load that leaves the machine half idle",
            half_idle, SHARE_OF_ITS_LATENCY, "times", 3,
        ),
        Finding(f"the same, both at LiteLLM's load, {compared.rate:,.0f} a second", f"{same_load:.3f} times"),
        Finding(
            f"LiteLLM {found.litellm_version}: requests a second, start, memory",
            f"{theirs.per_second:,.0f} ({theirs.failed} failed), {found.litellm_start:.1f} s, "
            f"{found.memory['LiteLLM after load']:.0f} MB",
        ),
        _beside("added p50", compared, 0.5),
        _beside("added p99", compared, 0.99),
    ]  # fmt: skip


def _beside(measure: str, compared: Compared, share: float) -> Finding:
    added = [f"{compared.added(name, share):.2f}" for name in (BARE, GATEWAY, LITELLM)]
    names = f"{measure} at {compared.rate:,.0f} requests a second: a bare proxy, ours, LiteLLM's"
    return Finding(names, f"{added[0]}, {added[1]} and {added[2]} ms")


def _streams(found: Found) -> list[Finding]:
    rates = {name: seen.events / seen.seconds for name, seen in found.streams.items()}
    share = rates[GATEWAY] / rates[DIRECT] if rates[DIRECT] else 0.0
    failed = found.streams[GATEWAY].failed
    return [
        at_least(f"{found.size.streams} streams of 5 events a second, of the direct rate", share, STREAMS_SHARE, "", 3),
        Finding("events a second, through the gateway and directly", f"{rates[GATEWAY]:,.0f} and {rates[DIRECT]:,.0f}"),
        Finding("streams that failed", str(failed), "0", failed == 0),
    ]


def _process(found: Found) -> list[Finding]:
    few, many = (found.memory[f"after {calls:,} calls"] for calls in found.size.calls)
    less, more = found.size.calls
    grown = f"memory after {more:,} calls, of that after {less:,} ({few:.0f} MB)"
    return [
        at_most("start, to ready", median(found.starts), START_SECONDS, "s"),
        Finding("all starts (median, range)", f"{spread(found.starts)} s"),
        at_most("memory (PSS) idle", found.memory["idle"], MOST_MB, "MB", 0),
        at_most(f"memory (PSS) after {more:,} calls", many, MOST_MB, "MB", 0),
        at_most(grown, many / few, MOST_GROWTH, "times", 3),
    ]  # fmt: skip


def _books(found: Found) -> list[Finding]:
    same = found.receipts == found.calls
    return [
        Finding("receipts in the journal for these calls", f"{found.receipts:,}", f"{found.calls:,}", same),
        Finding("of these calls, failed", str(found.failed), "0", found.failed == 0),
    ]


def _known(compared: Compared | None) -> Compared:
    assert compared is not None
    return compared


def _measured(found: Found) -> dict[str, Any]:
    compared = {"plain": found.plain, "first byte": found.first, "beside LiteLLM": found.beside_litellm}
    return {
        "starts": [round(each, 3) for each in found.starts],
        "memory_mb": {name: round(value, 1) for name, value in found.memory.items()},
        "capacity": {name: vars(each) for name, each in found.capacity.items()},
        "processor_microseconds_a_call": round(found.processor_microseconds, 1),
        "latency": {name: each.to_json() for name, each in compared.items() if each},
        "streams": {
            name: {"events": each.events, "seconds": round(each.seconds, 2), "failed": each.failed}
            for name, each in found.streams.items()
        },
        "calls": found.calls,
        "failed": found.failed,
        "receipts": found.receipts,
        "litellm": found.litellm_version or found.litellm_missing,
    }


def _notes(found: Found) -> list[str]:
    size = found.size
    return [
        "All on this machine, over loopback: client, gateway and provider share its cores. The provider answers at "
        "once with the stand-in's answers on bare connections (`benchmarks/gateway_upstream.py`): the stand-in itself "
        "would take as much of the processor as a gateway. The gateway is one process of an admitted institute, made "
        "by commands: a policy with three rules, an attested provider, a key and a project in its database, credits "
        "reserved and settled, receipts in its journal.",
        f"Latency: requests at even intervals, {size.rounds} rounds of {size.seconds:g} s on each target in turn, "
        "counted from the moment each was due; added is the quantile through the gateway less the same quantile "
        "directly. The load is the largest of 50, 35, 25 and 15 % of the gateway's own most that leaves half of the "
        "machine idle.",
        "Streams for the first byte: 16 events, 10 ms apart. Streams delivered: all begun within a second, "
        f"{size.events} events each; the rate is of all events from the first start to the last end.",
        "The bare proxy (`benchmarks/gateway_bare.py`) is uvicorn, httptools, uvloop and aiohttp with nothing between "
        "them: what any proxy on these libraries costs on this machine, beneath policy, credits and receipts.",
        "LiteLLM: one worker, its default settings, a master key, no database: it keeps no budgets, receipts or policy "
        "here. Its latency is that at half of its own most, ours that at half of ours. At LiteLLM's load a call of "
        "ours finds the processor's caches and clock gone cold, as does one of the bare proxy: both add two to three "
        "times what they add when busy.",
    ]
