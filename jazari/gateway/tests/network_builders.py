"""Institutes of a made-up network, each with a key of its own, for the tests of calls between gateways."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from jazari.gateway.node_calls import NodeIdentity
from jazari.trust.directory import Directory, DirectoryEntry
from jazari.trust.keys import CryptoSigner, Signer, public_key

NAME = "Jazari of tests"
ADMITTED = datetime(2026, 11, 1, tzinfo=UTC)
ROOT = "network"
SIGNERS: dict[str, Signer] = {
    name: CryptoSigner.generate_ed25519() for name in (ROOT, "rabat", "fes", "dakhla", "stranger")
}


def identity(name: str, signer: str = "", network: str = NAME) -> NodeIdentity:
    """``name`` as it signs, or with the key of another."""
    return NodeIdentity(name, network, SIGNERS[signer or name])


def directory(*, revoked: Iterable[str] = ()) -> Directory:
    """All but the stranger, some of them revoked."""
    entries = {}
    for name, signer in SIGNERS.items():
        if name != "stranger":
            fate: dict[str, Any] = {"status": "revoked", "frozen_version": 1} if name in revoked else {}
            keys = [public_key(signer)]
            entries[name] = DirectoryEntry(
                namespace=name, titles={"fr": name}, publishing_keys=keys, admitted=ADMITTED, **fate
            )
    return Directory(network_name=NAME, root=ROOT, entries=entries)


def offer_text(**changes: str) -> str:
    """``[offer]`` of the route ``chat`` to everybody, with other settings as TOML; an empty one leaves it out."""
    values = {
        "title": '{ fr = "Modèles de Fès" }',
        "operator": '"Université de Fès"',
        "jurisdiction": '"MA"',
        "hosting": '["MA"]',
        "keeps": "0",
        "trains_on_prompts": "false",
        "address": '"https://gateway.fes.example/v1"',
        "certificate": '"authority"',
        "routes": '["chat"]',
        "institutes": '["any"]',
        "highest": '"internal"',
        "credits_a_month": "100",
        **changes,
    }
    return "\n".join(["[offer]", *(f"{name} = {value}" for name, value in values.items() if value)]) + "\n"
