"""The pages that the browser tests look at: in every language, wide and narrow, light and dark. Add yours here.

    Visit("/studies/inbox/", Role.DATA_STEWARD),

``role`` is who looks, nobody in particular if None; ``status`` is what is expected. ``test_whole_portal`` fails where a
view of the portal is in none of these lists and is not looked at by another test on its way.
"""

from __future__ import annotations

from dataclasses import dataclass

from jazari.accounts.rules import Role


@dataclass(frozen=True)
class Visit:
    """A page to look at, and as whom."""

    path: str
    role: Role | None = None
    status: int = 200


VISITS = (
    Visit("/"),
    Visit("/catalogue/"),
    Visit("/institutes/"),
    Visit("/health/", Role.OPERATOR),
    Visit("/nothing-is-here/", status=404),
    Visit("/account/login/"),
    Visit("/account/signup/"),
    Visit("/account/inactive/"),
    Visit("/account/password/reset/"),
    Visit("/account/password/reset/done/"),
    Visit("/account/password/reset/key/zz-no-such-key/"),
    Visit("/account/password/reset/key/done/"),
    Visit("/account/3rdparty/login/cancelled/"),
    Visit("/account/3rdparty/login/error/", status=401),
    Visit("/account/invitation/no-such-secret/", status=404),
    Visit("/", Role.MEMBER),
    Visit("/account/", Role.MEMBER),
    Visit("/account/second-factor/", Role.MEMBER),
    Visit("/account/email/", Role.MEMBER),
    Visit("/account/password/change/", Role.MEMBER),
    Visit("/account/tokens/", Role.MEMBER),
    Visit("/account/notices/", Role.MEMBER),
    Visit("/account/2fa/", Role.MEMBER),
    Visit("/account/2fa/totp/activate/", Role.MEMBER),
    Visit("/account/2fa/webauthn/", Role.MEMBER),
    Visit("/account/2fa/webauthn/add/", Role.MEMBER),
    Visit("/account/3rdparty/", Role.MEMBER),
    Visit("/account/sessions/", Role.MEMBER),
    Visit("/account/reauthenticate/", Role.MEMBER),
    Visit("/account/logout/", Role.MEMBER),
    Visit("/account/people/", Role.OPERATOR),
    Visit("/account/people/1/", Role.OPERATOR),
    Visit("/account/people/invite/", Role.OPERATOR),
    Visit("/audit/", Role.AUDITOR),
    Visit("/audit/verification/", Role.AUDITOR),
    Visit("/audit/policies/", Role.AUDITOR),
    Visit("/gateway/", Role.OPERATOR, status=404),
)

OF_A_GATEWAY = (
    Visit("/gateway/", Role.OPERATOR),
    Visit("/gateway/policy/", Role.OPERATOR),
    Visit("/gateway/explain/?route=chat&data_class=internal", Role.OPERATOR),
    Visit("/gateway/providers/first/", Role.OPERATOR),
    Visit("/gateway/projects/", Role.OPERATOR),
    Visit("/gateway/projects/new/", Role.OPERATOR),
    Visit("/gateway/projects/archives/", Role.OPERATOR),
    Visit("/gateway/projects/archives/close/", Role.OPERATOR),
    Visit("/gateway/projects/archives/keys/new/", Role.OPERATOR),
    Visit("/gateway/keys/", Role.OPERATOR),
    Visit("/gateway/keys/{key}/rotate/", Role.OPERATOR),
    Visit("/gateway/keys/{key}/revoke/", Role.OPERATOR),
    Visit("/gateway/use/", Role.OPERATOR),
    Visit("/gateway/receipts/", Role.OPERATOR),
    Visit("/gateway/receipts/{call}/", Role.OPERATOR),
    Visit("/gateway/drills/"),
    Visit("/gateway/drills/rabat/campus-1/1/"),
    Visit("/gateway/playground/", Role.MEMBER),
    Visit("/audit/entries/1/", Role.AUDITOR),
    Visit("/catalogue/rabat/provider/first/1/"),
    Visit("/catalogue/rabat/residency/main/1/"),
)
"""Of an institute with a gateway; ``{key}`` and ``{call}`` are made with it (see ``gateway_home``)."""

OF_AN_INSTITUTE = (
    "/",
    "/institutes/",
    "/institutes/fes/",
    "/catalogue/",
    "/catalogue/fes/dataset/trials/1/",
    "/catalogue/fes/dataset/trials/changes/",
    "/catalogue/rabat/study/acidite/1/",
    "/studies/",
)
OF_THE_ROOT = ("/", "/institutes/rabat/", "/enrolments/", "/health/")
"""Of nodes in a network, after a study has run: see ``test_main_job``."""
