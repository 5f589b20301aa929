"""The duties of a node's worker. The slices say what to do; here stands how often, and what follows what."""

from __future__ import annotations

from functools import lru_cache

from jazari.catalog.queries import catalogue_version
from jazari.core import events
from jazari.core.audit import AuditEvent
from jazari.core.canonical import canonical_json
from jazari.federation import exchange, hooks, presence, root_node
from jazari.federation.client import RootClient
from jazari.federation.cut_off import what_is_cut
from jazari.federation.network_status import keep_network_status
from jazari.federation.service import RootService
from jazari.governance import ingestion, verification
from jazari.governance import operations as trail
from jazari.governance.cards import CheckpointCard
from jazari.nodes.duties import Duty
from jazari.settings.home import Home
from jazari.trust.errors import RecordMissing
from jazari.trust.keys import Signer
from jazari.trust.reading import Reader
from jazari.trust.records import Draft

CHECKPOINT = "audit-trail"


def duties(home: Home) -> list[Duty]:
    """What the worker of ``home`` does, by role."""
    common = [
        Duty("sync", 60.0, Sync().run, after=("notices", "outbox", "checkpoint")),
        Duty("outbox", 30.0, send_waiting),
        Duty("audit spool", 1.0, ingest_spool),
        Duty("checkpoint", 60.0, publish_checkpoint),
        Duty("audit verification", 1800.0, verify_trail),
        Duty("gateway use", 60.0, count_gateway_use),
        Duty("drill", 600.0, run_drill, longest_delay_seconds=3600.0),
    ]
    if home.config.portal_port:
        common += [
            Duty("news", 20.0, News().run, after=("sync", "runs")),
            Duty("letters", 20.0, send_letters, after=("news",), longest_delay_seconds=600.0),
        ]
    if home.is_root:
        return [
            Duty("notices", 0.2, RootNotices().run, waits=True, longest_delay_seconds=5.0),
            *common,
            Duty("timestamp", 3600.0, refresh_timestamp),
            Duty("nonces", 300.0, forget_nonces),
            Duty("runs", 0.5, drive_runs, after=("sync",), longest_delay_seconds=5.0),
        ]
    return [
        Duty("notices", 0.0, Notices().run, waits=True, longest_delay_seconds=5.0),
        *common,
        Duty("network status", 60.0, keep_status),
        Duty("runs", 1.0, follow_runs, after=("sync",), longest_delay_seconds=5.0),
        Duty("checks on site", 2.0, check_studies),
    ]


class Notices:
    """At an institute: ask the Root whether anything changed. The question is also the heartbeat."""

    def __init__(self) -> None:
        self._client: RootClient | None = None
        self._version = 0

    def run(self, home: Home) -> bool:
        """Wait, up to 25 s, for something new."""
        if self._client is None:
            self._client = exchange.root_client(home, _signer(home))
        version = self._client.wait_for_change(self._version)
        changed, self._version = version != self._version, version
        return changed


class RootNotices:
    """At the Root: look whether the repository moved on."""

    def __init__(self) -> None:
        self._version = 0

    def run(self, home: Home) -> bool:
        """Whether anything was committed since the last look."""
        version = RootService(home).version()
        changed, self._version = version != self._version, version
        return changed


class Sync:
    """Bring the mirror, the catalogue and the engine's list of members up to date."""

    def __init__(self) -> None:
        self._pinned = False
        self._reader: Reader | None = None
        self._told: dict[str, str] = {}

    def run(self, home: Home) -> bool:
        """Read what is new; whether anything was. Nothing while a drill has cut the registry or the Root."""
        if what_is_cut(home):
            return False
        # A reader belongs to one thread: its index is one database connection.
        reader = self._reader = self._reader or exchange.open_reader(home)
        report = exchange.sync(home, reader)
        if report.directory_changed or not self._pinned:
            hooks.engine().refresh(home, reader.directory())
            self._pinned = True
        self._tell(home, {name: str(error) for name, error in report.problems.items()})
        return bool(report.changed or report.directory_changed)

    def _tell(self, home: Home, problems: dict[str, str]) -> None:
        """Audit what is wrong with an institute's log, once: trouble with one must not hide the others' news."""
        for namespace, problem in problems.items():
            if self._told.get(namespace) != problem:
                detail = {"problem": problem}
                events.emit(AuditEvent("nodes.log-refused", home.namespace, namespace, detail))
        self._told = problems


def keep_status(home: Home) -> bool:
    """At an institute: keep what the Root says of who is online, for pages."""
    if not what_is_cut(home):
        with exchange.root_client(home) as client:
            keep_network_status(home, client)
    return False


def send_waiting(home: Home) -> bool:
    """Send what could not be sent before, and sign the log again in good time; whether anything was sent."""
    return exchange.resume(home, _signer(home)) > 0


def ingest_spool(home: Home) -> bool:
    """Take the engine's audit events into the trail."""
    ingestion.ingest_spool(home.spool)
    return False


def publish_checkpoint(home: Home) -> bool:
    """Publish where the audit trail stands, when enough was added; whether it did."""
    card = trail.due_checkpoint(_published_checkpoint(home))
    if card is None:
        return False
    if not home.is_root:
        # What cannot be sent would wait in the outbox, where there is one place: people go first.
        with exchange.root_client(home) as client:
            client.status()
    draft = Draft("checkpoint", CHECKPOINT, card.model_dump(mode="json"))
    exchange.publish(home, [draft], signer=_signer(home))
    return True


def _published_checkpoint(home: Home) -> CheckpointCard | None:
    try:
        record = exchange.open_reader(home).latest(f"{home.namespace}/checkpoint/{CHECKPOINT}")
    except RecordMissing:
        return None
    return CheckpointCard.model_validate_json(canonical_json(record.card))


def refresh_timestamp(home: Home) -> bool:
    """Sign the Root's timestamp again, once a day; whether it did."""
    return root_node.writable_repository(home).refresh_timestamp()


def forget_nonces(_home: Home) -> bool:
    """Drop nonces that can no longer be replayed."""
    presence.forget_nonces()
    return False


def drive_runs(home: Home) -> bool:
    """At the Root: start recorded runs and watch them; whether anything changed."""
    from jazari.studies import duties as studies  # numerical libraries: not before they are needed

    return studies.drive_runs(home)


def follow_runs(home: Home) -> bool:
    """At an institute: permits, attestations, its own results; whether anything changed."""
    from jazari.studies import duties as studies

    return studies.follow_runs(home)


def check_studies(home: Home) -> bool:
    """At an institute: tries of studies on its own data that stewards asked for; whether there was one."""
    from jazari.studies import duties as studies

    return studies.check_studies(home)


def verify_trail(home: Home) -> bool:
    """Verify the whole audit trail once a day, for the auditor's page."""
    verification.verify_when_old(home)
    return False


def count_gateway_use(home: Home) -> bool:
    """Add new receipts to the daily sums that the pages of the gateway show."""
    from jazari.gateway import listening

    if listening.has_gateway(home.path):
        from jazari.gateway import use  # the gateway's parts: not before there is one

        use.count(home, use.MOST_AT_ONCE * 8)
    return False


class News:
    """Tell people what happened that waits for them or that they wait for. Only where there is a portal."""

    def __init__(self) -> None:
        self._version = ""

    def run(self, home: Home) -> bool:
        """Tell what is new; whether anything was looked at. Records are read only after the catalogue has changed."""
        # Only where the portal's settings are in force; the recipes of studies are not needed.
        from jazari.federation.telling import tell_of_enrolments
        from jazari.studies import telling

        version = catalogue_version()
        if version and version == self._version:
            told = telling.tell_ends(home.namespace)
        else:
            told = _tell_all(home)
            self._version = version
        return tell_of_enrolments() or told if home.is_root else told


def _tell_all(home: Home) -> bool:
    from jazari.studies import here, telling

    if not home.network_file.exists():
        return False
    return telling.tell(here.open_here(home.path))


def send_letters(_home: Home) -> bool:
    """Send notices to people who want them by e-mail; whether any was sent."""
    from jazari.accounts import notices  # only where the portal's settings are in force

    notices.forget_old()
    return notices.send_due()


def run_drill(home: Home) -> bool:
    """Run the drill of gateway.toml when it is due, and publish what it did; whether it published."""
    from jazari.gateway.drills import schedule  # the gateway's parts: not before there is one

    def check_root() -> None:
        # As with checkpoints: the one place in the outbox is for people.
        if not home.is_root:
            with exchange.root_client(home) as client:
                client.status()

    return schedule.run_due(home, check_root)


@lru_cache(maxsize=4)
def _signer(home: Home) -> Signer:
    return root_node.open_key(home.publishing_key)
