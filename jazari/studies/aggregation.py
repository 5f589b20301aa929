"""How a round's answers become a total: added up as they come, or without the Root seeing any of them.

Both are a sequence of steps. A step asks some institutes, is decided once (whose answers count, durably, before
anybody is told), and the last one leaves a total. An institute that is late in a step is out for the rest of the
run: what it sends later counts for nothing, so that no second total without it can be asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from jazari.studies.agreement import StudyText
from jazari.studies.contract import Contract
from jazari.studies.engine import RunOrder
from jazari.studies.errors import BadSession, BadShares, RunFailed
from jazari.studies.guard import check_masked
from jazari.studies.messages import Array, Message, Step, Sums
from jazari.studies.rounds import add_up, places_of, transcript_digest
from jazari.studies.run_folder import RunFolder
from jazari.studies.secure import fixed_point
from jazari.studies.secure.member import BUNDLE_BYTES
from jazari.studies.secure.roster import Roster, read_roster, stack
from jazari.studies.secure.rules import fewest, threshold
from jazari.studies.secure.session import (
    CERTIFICATE_BYTES,
    ROUND_KEY_BYTES,
    SIGNATURE_BYTES,
    Certificate,
    unpack_certificate,
)
from jazari.studies.secure.unmasking import Revealed, check_revealed, unmask


class Aggregation(Protocol):
    """What the coordinator asks of either way."""

    def step(self, number: int, /) -> Step:
        """The step in progress in a round."""

    def expected(self, number: int, /) -> tuple[str, ...]:
        """Who is asked in that step, sorted."""

    def may_go_on(self, number: int, step: Step, answered: tuple[str, ...], /) -> bool:
        """Whether the step, once late, may be decided over these alone."""

    def request(self, number: int, namespace: str, /) -> Sums:
        """What an institute is told with that step, besides the total of the round before."""

    def check(self, number: int, namespace: str, message: Message, contract: Contract, /) -> None:
        """Raise unless an answer to that step has the form that was agreed."""

    def advance(self, number: int, contract: Contract, late: bool, /) -> Sums | None:
        """The total, once the round has one; decides what may be decided. Raises ``RunFailed`` for a dead round."""


class _Steps:
    """What both ways share: steps are decided in order, by all who were asked or, when late, by enough of them."""

    def __init__(self, folder: RunFolder, order: RunOrder, study: StudyText, same_institutes: bool) -> None:
        self._folder, self._order, self._study = folder, order, study
        self._same_institutes = same_institutes

    def step(self, number: int, /) -> Step:
        """The first step that is not decided; the last one once all are."""
        last: Step = "sums"
        for last in self._sequence(number):
            if self._folder.decided(number, last) is None:
                return last
        return last

    def expected(self, number: int, /) -> tuple[str, ...]:
        """Who is asked now."""
        return self._asked(number, self.step(number))

    def _sequence(self, number: int, /) -> Iterator[Step]:
        raise NotImplementedError

    def _asked(self, number: int, step: Step, /) -> tuple[str, ...]:
        raise NotImplementedError

    def _needed(self) -> int:
        raise NotImplementedError

    def _decide(self, number: int, late: bool) -> bool:
        """Whether the step in progress is decided now: nobody is missing, or it is late and enough are there."""
        step = self.step(number)
        asked = self._asked(number, step)
        there = self._folder.answered(number, step)
        answered = tuple(name for name in asked if name in there)
        if len(answered) < len(asked) and not (late and self.may_go_on(number, step, answered)):
            return False
        self._folder.decide(number, step, answered)
        return True

    def may_go_on(self, _number: int, _step: Step, answered: tuple[str, ...], /) -> bool:
        """Whether a late step may be decided over these alone."""
        return len(answered) >= self._needed()

    def _decided(self, number: int, step: Step) -> tuple[str, ...]:
        names = self._folder.decided(number, step)
        if names is None:
            raise RunFailed(f"The {step} of round {number} were not decided: restore the run's folder from a backup.")
        return names


class PlainAggregation(_Steps):
    """Sums as they are: the Root sees each institute's. For studies that say so."""

    def _sequence(self, _number: int, /) -> Iterator[Step]:
        yield "sums"

    def _asked(self, number: int, _step: Step, /) -> tuple[str, ...]:
        return self._order.participants if number == 1 else self._decided(number - 1, "sums")

    def _needed(self) -> int:
        return self._study.minimum_institutes

    def may_go_on(self, number: int, step: Step, answered: tuple[str, ...], /) -> bool:
        """Some recipes need all rounds over the same institutes."""
        return not self._same_institutes and super().may_go_on(number, step, answered)

    def request(self, _number: int, _namespace: str, /) -> Sums:
        """Nothing."""
        return {}

    def check(self, _number: int, _namespace: str, message: Message, contract: Contract, /) -> None:
        """The contract."""
        contract.check(message.arrays)

    def advance(self, number: int, _contract: Contract, late: bool, /) -> Sums | None:
        """Add up in sorted order once all have answered."""
        if self._folder.decided(number, "sums") is None and not self._decide(number, late):
            return None
        names = self._decided(number, "sums")
        return add_up([self._folder.read_answer(number, "sums", name).arrays for name in names])


class SecureAggregation(_Steps):
    """Bonawitz et al. (2017): keys, shares, masked sums, agreement on who finished, and the masks' shares.

    Keys and shares of a round travel with the answers of the round before, so a round takes two trips; a third
    one, where all sign who finished, only when somebody is missing: without that, no key is opened at all.
    """

    def __init__(self, folder: RunFolder, order: RunOrder, study: StudyText, same_institutes: bool) -> None:
        super().__init__(folder, order, study, same_institutes)
        self._threshold = threshold(len(order.participants))
        self._fewest = fewest(len(order.participants), study.minimum_institutes)
        self._known_rows: dict[tuple[int, Step, str, tuple[str, ...]], Array] = {}

    def _sequence(self, number: int, /) -> Iterator[Step]:
        if number == 1:
            yield from ("keys", "shares")
        yield "sums"
        finished = self._folder.decided(number, "sums")
        if finished is not None and finished != self._asked(number, "sums"):
            yield "agree"
        yield "unmask"

    def _asked(self, number: int, step: Step, /) -> tuple[str, ...]:
        if step == "keys":
            return self._order.participants
        if step == "shares":
            return self._decided(number, "keys")
        if step == "sums":
            return self._decided(number, "shares") if number == 1 else self._decided(number - 1, "unmask")
        signed = self._folder.decided(number, "agree")
        return signed if step == "unmask" and signed is not None else self._decided(number, "sums")

    def _needed(self) -> int:
        return self._fewest

    def may_go_on(self, number: int, step: Step, answered: tuple[str, ...], /) -> bool:
        """Keys, shares and unmasking without some, always; sums after round 1, by the recipe."""
        lost_sums = step == "sums" and number > 1 and self._same_institutes
        return not lost_sums and super().may_go_on(number, step, answered)

    def request(self, number: int, namespace: str, /) -> Sums:
        """What belongs to the step in progress (see ADR 7)."""
        step = self.step(number)
        if step == "keys":
            return {}
        if step == "shares":
            names = self._decided(1, "keys")
            certificates = self._rows(1, "keys", "certificate", names, CERTIFICATE_BYTES)
            return {"members": self._places(names), "certificates": certificates, "keys": self._key_rows(1, names)}
        if step == "sums":
            return self._bundles_for(number, namespace)
        return self._about_finished(number, step)

    def _bundles_for(self, number: int, namespace: str) -> Sums:
        names = self._asked(number, "sums")
        before, step = _shares_of(number)
        place = self._roster_names(number).index(namespace)
        members = len(self._roster_names(number))
        matrices = self._rows(before, step, "shares", names, members * BUNDLE_BYTES)
        shares = matrices.reshape(len(names), members, BUNDLE_BYTES)[:, place]
        return {"members": self._places(names), "shares": shares}

    def _about_finished(self, number: int, step: Step) -> Sums:
        finished = self._decided(number, "sums")
        told: Sums = {"members": self._places(finished)}
        if step == "agree":
            return told
        told["keys"] = self._key_rows(number + 1, finished)
        signers = self._folder.decided(number, "agree")
        if signers is not None:
            signatures = self._rows(number, "agree", "signature", signers, SIGNATURE_BYTES)
            told |= {"signers": self._places(signers), "signatures": signatures}
        return told

    def _roster_names(self, number: int) -> tuple[str, ...]:
        """Who gave a key for a round."""
        return self._decided(1, "keys") if number == 1 else self._decided(number - 1, "sums")

    def _key_rows(self, number: int, names: Sequence[str]) -> Array:
        before, step = _keys_of(number)
        return self._rows(before, step, "key", names, ROUND_KEY_BYTES)

    def _rows(self, number: int, step: Step, what: str, names: Sequence[str], width: int) -> Array:
        """What each of ``names`` sent as ``what``, one row each: read once, though every institute is told of it."""
        key = (number, step, what, tuple(names))
        if key not in self._known_rows:
            for old in [old for old in self._known_rows if old[0] < number - 1]:
                del self._known_rows[old]
            rows = (self._folder.read_answer(number, step, name).extra[what].tobytes() for name in names)
            self._known_rows[key] = stack(list(rows), width)
        return self._known_rows[key]

    def _places(self, names: Sequence[str]) -> Array:
        return places_of(names, self._order.participants)

    def check(self, number: int, namespace: str, message: Message, contract: Contract, /) -> None:
        """Names, shapes and types; signatures are checked by the members, whose secrets they protect."""
        step = self.step(number)
        if step == "unmask":
            finished, asked = self._decided(number, "sums"), self._asked(number, "sums")
            check_revealed(_revealed(namespace, message.extra), len(finished), len(asked) - len(finished))
        if step == "sums":
            check_masked(contract, message.arrays)
        elif message.arrays:
            raise BadSession(f"{namespace} sent sums in the step {step!r}: the answer is refused.")
        self._check_extra(number, step, namespace, message.extra)

    def _check_extra(self, number: int, step: Step, namespace: str, extra: Sums) -> None:
        members = len(self._roster_names(number + (step == "unmask"))) if step in ("shares", "unmask") else 0
        forms: dict[Step, dict[str, tuple[int, ...]]] = {
            "keys": {"certificate": (CERTIFICATE_BYTES,), "key": (ROUND_KEY_BYTES,)},
            "shares": {"shares": (members, BUNDLE_BYTES)},
            "sums": {"key": (ROUND_KEY_BYTES,)},
            "agree": {"signature": (SIGNATURE_BYTES,)},
            "unmask": {"shares": (members, BUNDLE_BYTES)},
        }
        found = {name: array for name, array in extra.items() if name not in ("selves", "pairs") or step != "unmask"}
        right = {name: array.shape for name, array in found.items()} == forms[step]
        if not right or any(array.dtype.name != "uint8" for array in extra.values()):
            raise BadSession(f"{namespace} sent {step} of another form than was agreed: the answer is refused.")

    def advance(self, number: int, contract: Contract, late: bool, /) -> Sums | None:
        """One decision at most; the total once shares of the masks are there."""
        self._stay_the_same(number)
        if self._folder.decided(number, "unmask") is None:
            if not self._decide(number, late):
                return None
            if self._folder.decided(number, "unmask") is None:
                return self.advance(number, contract, False)
        return self._total(number, contract)

    def _stay_the_same(self, number: int) -> None:
        """Some recipes need all rounds over the same institutes."""
        if number > 1 and self._same_institutes:
            lost = sorted(set(self._decided(1, "sums")) - set(self._asked(number, "sums")))
            if lost:
                raise RunFailed(f"{', '.join(lost)} dropped out after round {number - 1}: run the study again when "
                                "they are back.")  # fmt: skip

    def _total(self, number: int, contract: Contract) -> Sums:
        institutes = len(self._order.participants)
        asked, finished = self._asked(number, "sums"), self._decided(number, "sums")
        masked = {
            n: fixed_point.flatten(contract, self._folder.read_answer(number, "sums", n).arrays) for n in finished
        }
        revealed = {}
        for name in self._decided(number, "unmask"):
            revealed[name] = _revealed(name, self._folder.read_answer(number, "unmask", name).extra)
        transcript = transcript_digest(
            self._order.run, self._order.agreement, self._order.participants,
            [self._folder.total(before) for before in range(1, number)],
        )  # fmt: skip
        words = unmask(self._roster(number), asked, transcript, masked, revealed, self._threshold)
        scale = fixed_point.exponents(contract, self._study.largest_rows, institutes)
        return fixed_point.from_words(contract, fixed_point.unflatten(contract, words), scale)

    def _roster(self, number: int) -> Roster:
        names = self._roster_names(number)
        certificates: dict[str, Certificate] = {}
        for name in names:
            raw = self._folder.read_answer(1, "keys", name).extra["certificate"].tobytes()
            certificates[name] = unpack_certificate(raw, self._order.run, name)
        return read_roster(self._order.run, number, names, certificates, self._key_rows(number, names))


def _revealed(namespace: str, extra: Sums) -> Revealed:
    if not {"selves", "pairs"} <= set(extra):
        raise BadShares(f"{namespace} sent no shares of the masks: the answer is refused.")
    return Revealed(extra["selves"], extra["pairs"])


def _keys_of(number: int) -> tuple[int, Step]:
    """The step that brought a round's keys."""
    return (1, "keys") if number == 1 else (number - 1, "sums")


def _shares_of(number: int) -> tuple[int, Step]:
    """The step that brought a round's shares."""
    return (1, "shares") if number == 1 else (number - 1, "unmask")
