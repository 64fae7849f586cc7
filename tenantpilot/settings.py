"""Django settings. Every value that differs between deployments comes from `env.py`."""

from pathlib import Path

from tenantpilot.env import env
from tenantpilot.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = env.str("SECRET_KEY")
DEBUG = env("DEBUG")
ALLOWED_HOSTS = env("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env("CSRF_TRUSTED_ORIGINS")
PUBLIC_URL = env("PUBLIC_URL").rstrip("/")

INSTALLED_APPS = [
    # Unfold overrides templates and scripts of the admin, so it stands before it.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "tenantpilot.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "csp",
    "rbac",
    "operations",
    "providers",
    "inventory",
    "restore",
    "tenantpilot.apps.TenantPilotConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "rbac.middleware.RequestIdMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "operations.middleware.PageMiddleware",
    "rbac.middleware.TenantMiddleware",
]

ROOT_URLCONF = "tenantpilot.urls"
WSGI_APPLICATION = "tenantpilot.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenantpilot.shell.shell",
            ],
        },
    },
]

AUTH_USER_MODEL = "rbac.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "rbac.backends.CapabilityBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "/"


def _database(url: str, **options: object) -> dict[str, object]:
    config = env.db_url_config(url)
    config["ENGINE"] = "rbac.postgres"
    config["OPTIONS"] = {"connect_timeout": 5, "keepalives_idle": 30, **options}
    return config


DATABASES = {"default": _database(env.str("DATABASE_URL"))}
if env("DATABASE_POOL_SIZE"):
    DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": env("DATABASE_POOL_SIZE"), "timeout": 10}  # type: ignore[index]
# The owner of the tables. Present only where somebody migrates; web and worker run without it.
if env("MIGRATE_DATABASE_URL"):
    DATABASES["owner"] = _database(env("MIGRATE_DATABASE_URL"))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "tp"}
}

# Ids are stored in UTC and shown in the person's zone (rbac.middleware activates it).
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = "tenantpilot.formats"

# Absolute on purpose: the tenant's prefix (/t/<slug>) must not be put before the address of a static file.
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env("COOKIE_SECURE")
# The __Host- prefix binds the cookies to this very host, but browsers accept it over https only.
SESSION_COOKIE_NAME = "__Host-session" if SESSION_COOKIE_SECURE else "tenantpilot_session"
CSRF_COOKIE_NAME = "__Host-csrf" if CSRF_COOKIE_SECURE else "tenantpilot_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
# In the session, which ends at sign-out: a cookie would show one person's messages to the next at the same browser.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CSRF_FAILURE_VIEW = "tenantpilot.errors.csrf_failure"
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz/"]
SECURE_HSTS_SECONDS = 31_536_000 if SESSION_COOKIE_SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SESSION_COOKIE_SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env("TRUST_PROXY_HEADERS") else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "SAMEORIGIN"
# W019 wants DENY; the admin shows its own pages in frames, and frame-ancestors below says the same to newer browsers.
SILENCED_SYSTEM_CHECKS = ["security.W019"]
# Unfold's Alpine build evaluates expressions and sets inline styles: both exceptions are its price, no script is inline.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "frame-ancestors": ["'self'"],
        "form-action": ["'self'"],
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True

CREDENTIAL_KEYS = env("CREDENTIAL_KEYS")
SANDBOX_URL = env("SANDBOX_URL").rstrip("/")
GRAPH_MAX_BODY_BYTES = env("GRAPH_MAX_BODY_BYTES")

# A worker renews its lease with its work; lease + sweep interval + one pass stays under 90 seconds.
RUN_LEASE_SECONDS = env("RUN_LEASE_SECONDS")
RUN_SWEEP_SECONDS = env("RUN_SWEEP_SECONDS")
RUN_REPUBLISH_SECONDS = env("RUN_REPUBLISH_SECONDS")
BROKER_PUBLISH_TIMEOUT = env("BROKER_PUBLISH_TIMEOUT")
WORKER_THREADS = env("WORKER_THREADS")

# Django's own report of an error prints local variables, and with them secrets.
DEFAULT_EXCEPTION_REPORTER = "tenantpilot.errors.RedactedReporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "tenantpilot.errors.BlindReporterFilter"
LOGGING_CONFIG = None
logging_config(log_format=env("LOG_FORMAT"), level=env("LOG_LEVEL"))

from tenantpilot.site_settings import UNFOLD  # noqa: E402, F401  (the look of the console, kept apart from the wiring)
