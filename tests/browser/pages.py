"""The pages that the browser tests visit: in every language, light and dark, wide and narrow. Add yours here.

    Visit("inbox", "/studies/inbox/", Role.DATA_STEWARD),

``name`` names the screenshots; ``role`` is who looks, nobody in particular if None; ``status`` is what is expected.
"""

from __future__ import annotations

from dataclasses import dataclass

from jazari.accounts.rules import Role


@dataclass(frozen=True)
class Visit:
    """A page to look at, and as whom."""

    name: str
    path: str
    role: Role | None = None
    status: int = 200


VISITS = (
    Visit("home", "/"),
    Visit("institutes", "/institutes/"),
    Visit("health", "/health/", Role.OPERATOR),
    Visit("not-found", "/nothing-is-here/", status=404),
    Visit("sign-in", "/account/login/"),
    Visit("sign-up", "/account/signup/"),
    Visit("password-reset", "/account/password/reset/"),
    Visit("home-of-a-member", "/", Role.MEMBER),
    Visit("account", "/account/", Role.MEMBER),
    Visit("second-factor", "/account/second-factor/", Role.MEMBER),
    Visit("email-addresses", "/account/email/", Role.MEMBER),
    Visit("password-change", "/account/password/change/", Role.MEMBER),
    Visit("ways-to-sign-in", "/account/2fa/", Role.MEMBER),
    Visit("authenticator-app", "/account/2fa/totp/activate/", Role.MEMBER),
    Visit("passkeys", "/account/2fa/webauthn/", Role.MEMBER),
    Visit("add-a-passkey", "/account/2fa/webauthn/add/", Role.MEMBER),
    Visit("sessions", "/account/sessions/", Role.MEMBER),
    Visit("confirm-it-is-you", "/account/reauthenticate/", Role.MEMBER),
    Visit("sign-out", "/account/logout/", Role.MEMBER),
)
