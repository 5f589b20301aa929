"""What can go wrong between us and the engine.

JazariError
└── EngineError
    ├── BadEngineCertificate   a certificate or request that does not say what it must
    ├── EngineNotReady         kit, pins or server missing: nothing can run yet
    └── BadOrder               a run that the engine cannot take
"""

from __future__ import annotations

from jazari.core.errors import ExitCode
from jazari.studies.errors import StudyError


class EngineError(StudyError):
    """Anything that the engine adds to what can go wrong in a study."""

    code = "studies.engine"


class BadEngineCertificate(EngineError):
    """The certificate, request or key is not what the engine needs; the sentence says which part."""

    code = "studies.bad-engine-certificate"
    exit_code = ExitCode.UNTRUSTED


class EngineNotReady(EngineError):
    """The engine's kit, its directory of certificates or its server is missing on this node."""

    code = "studies.engine-not-ready"
    exit_code = ExitCode.UNAVAILABLE
