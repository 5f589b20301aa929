"""What the store of models and the embedded engine refuse; part of the gateway's family."""

from __future__ import annotations

from jazari.core.errors import ExitCode
from jazari.gateway.errors import GatewayError, ProviderAway


class BadModelName(GatewayError):
    """A model of the store cannot be called so."""

    code = "gateway.bad-model-name"
    exit_code = ExitCode.USAGE


class NotAModel(GatewayError):
    """A file is no model that the embedded engine could run."""

    code = "gateway.not-a-model"
    exit_code = ExitCode.USAGE


class ModelMissing(GatewayError):
    """The node's store has no model of this name."""

    code = "gateway.no-such-model-file"
    exit_code = ExitCode.NOT_FOUND
    status = 503


class ModelNameTaken(GatewayError):
    """Another model of the store is called so."""

    code = "gateway.model-name-taken"
    exit_code = ExitCode.CONFLICT


class ModelChanged(GatewayError):
    """A model's file is not what was added to the store."""

    code = "gateway.model-changed"
    exit_code = ExitCode.UNTRUSTED
    status = 503


class EngineMissing(GatewayError):
    """The embedded engine is not installed."""

    code = "gateway.engine-missing"
    exit_code = ExitCode.UNAVAILABLE
    status = 503


class EngineAway(ProviderAway):
    """The embedded engine of a model does not run, or not yet."""

    code = "gateway.engine-away"
    status = 503
