"""Other institutes' gateways as callers: who is admitted, what each may ask, and where its calls may go.

Decided by the signed directory as it is known here, so that nothing waits for the Root. No clock, database or network.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from jazari.federation.signed_requests import WINDOW, Claim
from jazari.gateway.authorization import KeyFacts
from jazari.gateway.cards import ProviderCard
from jazari.gateway.configuration import OfferConfig
from jazari.gateway.credits import CREDIT
from jazari.gateway.errors import DataClassTooHigh, NotReady
from jazari.gateway.mirrored import is_member
from jazari.gateway.node_calls import Bound, check_caller, check_content
from jazari.gateway.node_errors import BadNodeCall, NodeClockWrong, NodeRefused, NodeReplayed, NotOffered
from jazari.gateway.offering import beyond, promise_of
from jazari.gateway.policy import Decision, Facts, Reason
from jazari.gateway.words import DataClass, Protocol
from jazari.trust.directory import Directory

REMEMBERED_SECONDS = 2 * WINDOW.total_seconds() + 180
"""Of nonces: as long as a claim may be young or old, and its body on its way; more, for a clock that is set back."""


@dataclass(frozen=True)
class Node:
    """Which node this gateway is; the Root's alone passes calls of institutes on to other institutes."""

    namespace: str = ""
    is_root: bool = False


@dataclass(frozen=True)
class Guest:
    """The institute whose gateway calls; ``relayed_for`` the one that called it, where it is the Root's."""

    institute: str
    relayed_for: str = ""


@dataclass(frozen=True)
class Arrival:
    """A call whose signature counts, before its body is there."""

    claim: Claim
    bound: Bound


class Nonces:
    """Nonces that were used. Full, it takes nothing new: what is forgotten could be used again."""

    def __init__(self, most: int = 200_000, most_of_one: int = 50_000) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._used: set[tuple[str, bytes]] = set()
        self._order: deque[tuple[float, tuple[str, bytes]]] = deque()
        self._count: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._used)

    def use(self, institute: str, nonce: str, now: float) -> None:
        """Use up ``nonce`` (hexadecimal) at ``now`` (seconds, of a clock that only goes forward).

        Raises ``NodeReplayed`` the second time, ``NotReady`` where too many are remembered.
        """
        self._forget(now)
        entry = (institute, bytes.fromhex(nonce))
        if entry in self._used:
            raise NodeReplayed("This call came before and is not accepted twice: sign a new one.")
        if len(self._used) >= self._most or self._count[institute] >= self._most_of_one:
            raise NotReady(f"{institute} has sent more calls lately than can be told apart: slow down.", 10)
        self._used.add(entry)
        self._order.append((now + REMEMBERED_SECONDS, entry))
        self._count[institute] += 1

    def _forget(self, now: float) -> None:
        while self._order and self._order[0][0] <= now:
            _, entry = self._order.popleft()
            self._used.discard(entry)
            self._count[entry[0]] -= 1
            if not self._count[entry[0]]:
                del self._count[entry[0]]


class Guests:
    """Admits other institutes to what ``offer`` names. ``since``: when this gateway started.

    Claims from before that are refused: which of them were used is forgotten with the process. What remains is a claim
    dated into the future, by up to a minute: who could repeat it is who received it.
    """

    def __init__(self, node: Node, offer: OfferConfig | None, since: datetime) -> None:
        self.node, self.offer = node, offer
        self.nonces = Nonces()
        self._since = since.replace(microsecond=0)
        self._directory: Directory | None = None
        self._card: ProviderCard | None = None

    def know(self, directory: Directory | None, card: ProviderCard | None) -> None:
        """From now on decide by this directory, and by this card of one's own offer."""
        self._directory, self._card = directory, card

    def arrive(self, header: str, path: str, data_class: str, relayed_for: str, now: datetime) -> Arrival:
        """Who calls, by the ``Authorization`` header and the others that its claim covers; raises why not."""
        if self.offer is None or self._card is None or self._directory is None:
            raise NotOffered("This gateway offers nothing to other institutes: ask who runs it.")
        if now.date() > date.fromisoformat(self._card.valid_until):
            raise NotOffered(f"What {self.node.namespace} offers ended on {self._card.valid_until}: ask it to renew.")
        claim = check_caller(header, self._directory, now)
        if claim.namespace == self.node.namespace:
            raise NodeRefused("A gateway does not call itself: correct the provider in gateway.toml.")
        if claim.time < self._since:
            raise NodeClockWrong("This gateway started after the call was signed: sign it again.")
        self._check_relay(claim.namespace, relayed_for, self._directory)
        for name in filter(None, (claim.namespace, relayed_for)):
            if not self.offer.is_for(name):
                raise NotOffered(f"{self.node.namespace} offers nothing to {name}: ask who runs its gateway.")
        return Arrival(claim, Bound(self.node.namespace, path, data_class, relayed_for))

    def _check_relay(self, caller: str, relayed_for: str, directory: Directory) -> None:
        if not relayed_for:
            return
        if caller != directory.root:
            raise NodeRefused("Only the Root's gateway passes on calls of others: call with your own identity.")
        if not is_member(relayed_for, directory) or relayed_for == caller:
            raise NodeRefused("The institute that this call is passed on for is not in the network.")

    def admit(self, arrival: Arrival, body: bytes, now: datetime, moment: float) -> tuple[KeyFacts, Guest]:
        """What the caller may do, once its body is there; ``moment`` as for ``Nonces.use``."""
        check_content(arrival.claim, arrival.bound, body)
        self.nonces.use(arrival.claim.namespace, arrival.claim.nonce, moment)
        if self.offer is None or self._card is None:
            raise NotOffered("This gateway offers nothing to other institutes any more.")
        routes = frozenset(self.offer.routes) & {model.name for model in self._card.models}
        guest = Guest(arrival.claim.namespace, arrival.bound.relayed_for)
        return guest_key(self.offer, routes, guest, arrival.bound.data_class, now), guest

    def judge(self, decision: Decision, guest: Guest, protocol: Protocol, facts: Facts | None) -> Decision:
        """``decision`` of this node's policy, unless the call is another institute's and may not go there for that."""
        if not decision.allowed:
            return decision
        if protocol is Protocol.JAZARI and (guest.relayed_for or not self.node.is_root):
            sentence = (
                f"This call came from {guest.institute} and is not sent on to a third institute: receipts and policy "
                "there would be about somebody else."
            )
            return Decision(False, Reason.NOT_PASSED_ON, sentence, decision.policy)
        problem = "nothing is offered"
        if self._card is not None and facts is not None:
            problem = beyond(promise_of(self._card), facts) or ""
        if problem:
            sentence = f"Calls of other institutes do not go to this provider, as the offer promises: {problem}."
            return Decision(False, Reason.BEYOND_OFFER, sentence, decision.policy)
        return decision

    @property
    def credits(self) -> int:
        """Microcredits that each institute has in a month."""
        return int(self.offer.credits_a_month * CREDIT) if self.offer else 0


def guest_key(offer: OfferConfig, routes: frozenset[str], guest: Guest, data_class: str, now: datetime) -> KeyFacts:
    """What stands in for a key of ``guest``: no secret opens it, and its id is none that a key can have.

    Who calls pays; limits are for each institute that the Root passes calls on for, so that none takes all.

    The class that a gateway states for its call is its own word and no declassification here; above ``highest`` of the
    offer raises ``DataClassTooHigh``.
    """
    asked = _class_of(data_class) if data_class else offer.highest
    if asked.rank > offer.highest.rank:
        raise DataClassTooHigh(f"This gateway takes data of other institutes up to {offer.highest}: send none above.")
    return KeyFacts(
        id=f"node:{guest.institute}" + (f"/{guest.relayed_for}" if guest.relayed_for else ""),
        project=guest_project(guest.institute, now),
        name=guest.institute,
        digest=b"",
        routes=routes,
        highest=asked,
        may_declassify=False,
        requests_a_minute=offer.requests_a_minute,
        tokens_a_minute=offer.tokens_a_minute,
        streams=offer.streams,
        expires=now + timedelta(days=1),
    )


def guest_project(institute: str, now: datetime) -> str:
    """``institute-NAME/YYYY-MM``: one account for each month, of a form that no project of this node can have."""
    return f"institute-{institute}/{now:%Y-%m}"


def _class_of(text: str) -> DataClass:
    try:
        return DataClass(text)
    except ValueError:
        raise BadNodeCall(f"{text[:40]!r} is no data class: update the gateway that calls.") from None
