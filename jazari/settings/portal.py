"""Django settings of the portal: a node's, with people, sessions and pages."""

from __future__ import annotations

from jazari.settings.node import *  # noqa: F403
from jazari.settings.node import HOME
from jazari.settings.pages import *  # noqa: F403
from jazari.settings.pages import cookie_names
from jazari.settings.portal_home import PortalConfig, mail_settings, secret_key

PORTAL = PortalConfig.of(HOME)
SECRET_KEY = secret_key(HOME)
ALLOWED_HOSTS = [PORTAL.host_name]
CSRF_TRUSTED_ORIGINS = [PORTAL.origin]
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, LANGUAGE_COOKIE_NAME = cookie_names(HOME.namespace, secure=PORTAL.is_secure)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PORTAL.is_secure
SECURE_HSTS_SECONDS = 31_536_000 if PORTAL.is_secure else 0
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PORTAL.is_secure else "http"
PORTAL_PROXIES = HOME.config.portal_proxies
PORTAL_REQUESTS_PER_MINUTE = HOME.config.portal_requests_per_minute
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PORTAL.is_secure
globals().update(mail_settings(HOME))
