"""Who is online: at the Root what it knows itself, at an institute what the Root last said, with its age.

The worker of an institute asks and keeps the answer in ``run/network-status.json``; whoever shows it asks nobody.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from jazari.core import clock
from jazari.core.canonical import canonical_json
from jazari.core.files import plain_os_errors, write_atomic
from jazari.federation.client import RootClient
from jazari.federation.errors import RootRefused
from jazari.federation.models import Presence
from jazari.federation.rules import is_online
from jazari.settings.home import Home

_FILE = "network-status.json"
_LARGEST = 16 * 1024 * 1024


class Seen(BaseModel):
    """When the Root last heard from an institute; ``online``: so lately that it counts as there."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    online: bool
    last_seen: AwareDatetime | None = None


class NetworkStatus(BaseModel):
    """What was known at ``moment`` (UTC), by namespace."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    moment: AwareDatetime
    institutes: dict[str, Seen] = Field(max_length=100_000)


def keep_network_status(home: Home, client: RootClient) -> None:
    """Ask the Root who is online and keep the answer. Raises what the client raises, and keeps the older one then."""
    answer = client.status()
    try:
        seen = {item["namespace"]: Seen.model_validate(item) for item in answer["institutes"]}
        status = NetworkStatus(moment=clock.now(), institutes=seen)
    except (ValidationError, KeyError, TypeError) as error:
        raise RootRefused("The Root's answer makes no sense: ask its team what is wrong.") from error
    write_atomic(home.run / _FILE, canonical_json(status.model_dump(mode="json")))


def network_status(home: Home) -> NetworkStatus | None:
    """The newest that this node knows; None at an institute that the Root has never answered."""
    return _own(clock.now()) if home.is_root else _kept(home)


def _own(now: datetime) -> NetworkStatus:
    rows = Presence.objects.values_list("namespace", "last_seen")
    return NetworkStatus(
        moment=now, institutes={name: Seen(online=is_online(at, now), last_seen=at) for name, at in rows}
    )


def _kept(home: Home) -> NetworkStatus | None:
    path = home.run / _FILE
    if not path.exists():
        return None
    with plain_os_errors(path), path.open("rb") as file:
        data = file.read(_LARGEST)
    try:
        return NetworkStatus.model_validate_json(data)
    except ValidationError:
        return None
