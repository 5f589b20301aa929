"""The home folder of a node and its ``jazari.toml``, as everything else sees them.

Nothing heavy is imported here: the supervisor and every command read it.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from jazari.core.errors import BadIdentifier
from jazari.core.files import locked, plain_os_errors, write_atomic
from jazari.core.identifiers import check_namespace
from jazari.settings.errors import BadSetting, HomeExists, HomeMissing
from jazari.settings.toml import dump_toml

Role = Literal["root", "institute"]
LANGUAGES = ("fr", "ar", "zgh", "en")
_FOLDERS = ("keys", "mirror", "data", "engine", "log", "run")
_LARGEST_CONFIG = 100_000
_MOST_PROXIES = 5
_MOST_REQUESTS = 1_000_000


@dataclass(frozen=True)
class NodeConfig:
    """What ``jazari.toml`` says. Ports are TCP; addresses are names or IP addresses.

    ``network`` and ``root_url`` are empty at an institute that has not asked to be admitted yet.
    ``engine_host`` and ``engine_port``: where the Root's engine listens and institutes dial.
    ``portal_port``: where the portal listens, 0 for none; ``portal_origin``: the address that people type;
    ``portal_proxies``: how many proxies of ours stand before it, each adding the caller's address to
    ``X-Forwarded-For``; with 0, what a caller writes there counts for nothing;
    ``portal_requests_per_minute``: how often each token, and each person in a session, may call the public API;
    ``mail_server`` and ``mail_from``: how it sends mail (see ``settings.portal_home``).
    ``steward_key``: path of the steward key when it is kept outside the home; empty for ``keys/``.
    """

    role: Role
    namespace: str
    network: str = ""
    root_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8443
    engine_host: str = "127.0.0.1"
    engine_port: int = 8002
    portal_host: str = "127.0.0.1"
    portal_port: int = 0
    portal_origin: str = ""
    portal_proxies: int = 0
    portal_requests_per_minute: int = 600
    mail_server: str = ""
    mail_from: str = ""
    region: str = ""
    url: str = ""
    steward_key: str = ""
    titles: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_types(self)
        if self.role not in get_args(Role):
            raise BadSetting(f"The role {self.role[:40]!r} is unknown: write root or institute.")
        _check_namespace(self.namespace)
        if self.root_url or self.role == "root":
            check_https(self.root_url, "root_url")
        for name in ("port", "engine_port"):
            check_port(getattr(self, name), name)
        if self.portal_port:
            check_port(self.portal_port, "portal_port")
        if not 0 <= self.portal_proxies <= _MOST_PROXIES:
            raise BadSetting(f"portal_proxies is {self.portal_proxies}: set it to a number from 0 to {_MOST_PROXIES}.")
        if not 1 <= self.portal_requests_per_minute <= _MOST_REQUESTS:
            raise BadSetting(
                f"portal_requests_per_minute is {self.portal_requests_per_minute}: set it to a number from 1 to "
                f"{_MOST_REQUESTS}."
            )
        _check_titles(self.titles)


class Home:
    """Paths and settings of one node. Making one reads nothing; ``open`` checks that a node lives there.

    ``run`` holds the lock, process states and logs; ``permits`` what the engine may run; ``spool`` audit
    events from engine processes; ``log`` the working copy of the node's own log and its outbox; ``mirror``
    the verified copy of what the network published; ``repository`` and ``ceremonies`` exist at the Root.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        self.config_file = self.path / "jazari.toml"
        self.network_file = self.path / "network.json"
        self.database = self.path / "db.sqlite3"
        self.keys = self.path / "keys"
        self.mirror = self.path / "mirror"
        self.data = self.path / "data"
        self.log = self.path / "log"
        self.run = self.path / "run"
        self.engine = self.path / "engine"
        self.permits = self.engine / "permits"
        self.spool = self.engine / "spool"
        self.repository = self.path / "repository"
        self.ceremonies = self.path / "ceremonies"
        self.tls_certificate = self.keys / "tls.crt"
        self.tls_key = self.keys / "tls.key"
        self.publishing_key = self.keys / "publishing.pem"
        self.snapshot_key = self.keys / "snapshot.pem"
        self.timestamp_key = self.keys / "timestamp.pem"

    @classmethod
    def open(cls, path: Path | str) -> Home:
        """The home at ``path``; ``HomeMissing`` or ``BadSetting`` where there is no usable one."""
        home = cls(path)
        if not home.config_file.is_file():
            raise HomeMissing(
                f"{home.path} is not the home of a node: give --home or JAZARI_HOME, or create one with "
                "`jazari root create` or `jazari institute create`."
            )
        home.config  # noqa: B018  read and checked now, so that later code cannot meet a bad one
        return home

    @classmethod
    def create(cls, path: Path | str, config: NodeConfig) -> Home:
        """Make the folders and ``jazari.toml``; ``HomeExists`` if a node lives there already."""
        home = cls(path)
        if home.config_file.exists():
            raise HomeExists(f"A node lives in {home.path} already: choose another folder.")
        with plain_os_errors(home.path):
            home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in _FOLDERS:
                (home.path / name).mkdir(exist_ok=True, mode=0o700)
        home.write(config)
        return home

    def write(self, config: NodeConfig) -> None:
        """Replace ``jazari.toml``."""
        values = {name: value for name, value in asdict(config).items() if value not in ("", {})}
        write_atomic(self.config_file, dump_toml(values).encode())
        self.__dict__.pop("config", None)

    @cached_property
    def config(self) -> NodeConfig:
        """What ``jazari.toml`` says, checked."""
        with plain_os_errors(self.config_file), self.config_file.open("rb") as file:
            data = file.read(_LARGEST_CONFIG)
        try:
            return _config(tomllib.loads(data.decode()))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadSetting(f"{self.config_file} is not valid TOML: {error}; correct it.") from error
        except BadSetting as error:
            raise BadSetting(f"{self.config_file}: {error}") from error

    @property
    def is_root(self) -> bool:
        """Whether this node is the network's Root."""
        return self.config.role == "root"

    @property
    def namespace(self) -> str:
        """The namespace that this node publishes in."""
        return self.config.namespace

    def in_use(self, holder: str = "Another node", timeout_seconds: float = 0.0) -> AbstractContextManager[None]:
        """The lock that says a node is serving from this home (a context manager; ``Busy`` if held)."""
        return locked(self.path / "run" / "node.lock", holder, timeout_seconds)

    @property
    def steward_key(self) -> Path:
        """The steward's private key: ``keys/steward.pem``, or where ``jazari.toml`` says."""
        return Path(self.config.steward_key) if self.config.steward_key else self.path / "keys" / "steward.pem"


def check_https(url: str, name: str) -> str:
    """``url`` if it is ``https://host[:port]`` with nothing after; ``BadSetting`` otherwise."""
    parts = urlsplit(url)
    try:
        usable = parts.scheme == "https" and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.username:
        raise BadSetting(f"{name} is {url[:80]!r}: write https://HOST:PORT.")
    return url.rstrip("/")


def check_port(port: int, name: str) -> int:
    """``port`` if it is a TCP port from 1 to 65535."""
    if not 1 <= port <= 65_535:
        raise BadSetting(f"{name} is {port}: set it to a number from 1 to 65535.")
    return port


def _check_namespace(namespace: str) -> None:
    try:
        check_namespace(namespace)
    except BadIdentifier as error:
        raise BadSetting(str(error)) from error


def _check_titles(titles: dict[str, str]) -> None:
    for language, title in titles.items():
        if language not in LANGUAGES or not isinstance(title, str) or not re.search(r"\S", title):
            raise BadSetting(f"The title {language!r} is not valid: give text in {', '.join(LANGUAGES)}.")


def _check_types(config: NodeConfig) -> None:
    for item in fields(config):
        expected = {"int": int, "dict[str, str]": dict}.get(str(item.type), str)
        value = getattr(config, item.name)
        if not isinstance(value, expected) or isinstance(value, bool):
            raise BadSetting(f"{item.name} is {str(value)[:40]!r}: it must be {_NAMES[expected]}.")


_NAMES: dict[type, str] = {int: "a whole number", dict: "a table of texts", str: "a text"}


def _config(values: dict[str, Any]) -> NodeConfig:
    known = {item.name for item in fields(NodeConfig)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise BadSetting(f"{unknown[0][:40]!r} is not a setting: use {', '.join(sorted(known))}.")
    missing = [name for name in ("role", "namespace") if name not in values]
    if missing:
        raise BadSetting(f"{missing[0]!r} is missing: add it.")
    return NodeConfig(**values)
