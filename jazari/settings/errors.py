"""Errors of settings.

SettingsError
├── BadSetting      settings.bad-value        a value of jazari.toml or of the environment is refused
├── HomeMissing     settings.home-missing     the folder is no home of a node
├── HomeExists      settings.home-exists      a node lives there already
└── BadNetworkFile  settings.bad-network-file the invitation network.json cannot be used
"""

from __future__ import annotations

from jazari.core.errors import ExitCode, JazariError


class SettingsError(JazariError):
    code = "settings.failed"


class BadSetting(SettingsError):
    code = "settings.bad-value"
    exit_code = ExitCode.USAGE


class HomeMissing(SettingsError):
    code = "settings.home-missing"
    exit_code = ExitCode.NOT_FOUND


class HomeExists(SettingsError):
    code = "settings.home-exists"
    exit_code = ExitCode.CONFLICT


class BadNetworkFile(SettingsError):
    code = "settings.bad-network-file"
    exit_code = ExitCode.USAGE
