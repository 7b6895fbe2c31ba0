"""One settings file, driven by the environment (`.env` is read when present).

Two ways to run, one code (docs/decisions/0002): with nothing set, an embedded workbench on SQLite that
answers only on this machine; with ALLOWED_HOSTS naming a public host it is production, and
`csm.lib.safety` refuses to start on anything unsafe, listing every fault at once.
"""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from environs import Env, validate

from csm.conf.celery import QUEUES, ROUTES, transport
from csm.conf.databases import Connecting, database
from csm.conf.errors import report_errors
from csm.conf.logs import logging_config
from csm.conf.sign_in import APPS, sign_in
from csm.lib.safety import LOCAL_HOSTS, faults, local_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env = Env(eager=False)
env.read_env(str(BASE_DIR / ".env"), recurse=False)

_secret_key: str = env.str("SECRET_KEY", "")
DEBUG: bool = env.bool("DEBUG", False)
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", sorted(LOCAL_HOSTS))
DATABASE_URL: str = env.str("DATABASE_URL", "")
REDIS_URL: str = env.str("REDIS_URL", "")
# Shards of a night worked on at once, over all workers, so that pages keep their share; 0: no limit.
NIGHT_WORKERS: int = env.int("NIGHT_WORKERS", 0)
# Months every night is kept, and months one night a week is (scoring.services.retention).
SNAPSHOT_DAILY_MONTHS: int = env.int("SNAPSHOT_DAILY_MONTHS", 13)
SNAPSHOT_WEEKLY_MONTHS: int = env.int("SNAPSHOT_WEEKLY_MONTHS", 60)
# Without REDIS_URL the web server does the work of the background itself; off: something else does.
ENGINE: bool = env.bool("ENGINE", True)
TIME_ZONE: str = env.str("TIME_ZONE", "UTC")
DEFAULT_CURRENCY: str = env.str("DEFAULT_CURRENCY", "USD")
# Calls of the API a token may make, as number/unit; read by accounts.api.throttling.
API_RATE: str = env.str("API_RATE", "600/min")
# Requests a write key may send events with; one carries up to 2,500.
EVENTS_RATE: str = env.str("EVENTS_RATE", "6000/min")
IMPORT_MAX_BYTES: int = env.int("IMPORT_MAX_BYTES", 500_000_000)
# How mails and webhooks name this workbench; empty: the first host of ALLOWED_HOSTS.
_base_url: str = env.str("BASE_URL", "")
# Webhooks may call addresses within the house: for a chat server of one's own, off otherwise.
WEBHOOK_ALLOW_PRIVATE: bool = env.bool("WEBHOOK_ALLOW_PRIVATE", False)
# Uploaded files; workers on other machines need the same folder.
_files: str = env.str("FILES_DIR", "")
_database = env.dj_db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'csm.sqlite3'}")
# smtp://user:password@host:587/?tls=True; without it mail is printed where the process runs.
_email = env.dj_email_url("EMAIL_URL", default="console:")
_connecting = Connecting.read(env)
# "json" (one object a line; the default of production) or "line".
LOG_FORMAT: str = env.str("LOG_FORMAT", "", validate=validate.OneOf(["", "json", "line"]))
LOG_LEVEL: str = env.str(
    "LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"])
)
# What /metrics asks for as a bearer token; without it only this machine may read them.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", "")
_sentry_dsn: str = env.str("SENTRY_DSN", "")
_sign_in = sign_in(env)
env.seal()

PRODUCTION = bool(set(ALLOWED_HOSTS) - LOCAL_HOSTS)
if _faults := faults(
    production=PRODUCTION,
    debug=DEBUG,
    secret_key=_secret_key,
    allowed_hosts=ALLOWED_HOSTS,
    time_zone=TIME_ZONE,
    currency=DEFAULT_CURRENCY,
):
    raise ImproperlyConfigured("The workbench refuses to start:\n- " + "\n- ".join(_faults))
BASE_URL = _base_url or (
    f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if PRODUCTION else "http://localhost:8000"
)
SECRET_KEY = _secret_key or local_secret_key(VAR_DIR)

INSTALLED_APPS = [
    # Before ours, so that its pages can be taken out of the administration.
    "django_celery_beat",
    "csm",
    "accounts",
    "scoring",
    "playbooks",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_filters",
    "django_htmx",
    "django_tables2",
    "csp",
    *APPS,
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_structlog",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csm.hardening.Hardening",
    "csp.middleware.CSPMiddleware",
    # Outside of sessions: reading and writing them is what fails first.
    "csm.outages.Outages",
    "csm.sign_in.middleware.Address",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csm.sign_in.middleware.Sessions",
    # Deny by default: every page asks for a log-in unless its view says otherwise.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    # After those that know who asks.
    "django_structlog.middlewares.RequestMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "csm.urls"
WSGI_APPLICATION = "csm.wsgi.application"
AUTH_USER_MODEL = "csm.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ]
            if not DEBUG
            else [
                "django.template.loaders.filesystem.Loader",
                "django.template.loaders.app_directories.Loader",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csm.nav.shell",
            ],
        },
    }
]

DATABASES = {"default": database(_database, VAR_DIR, _connecting)}

CACHES = {
    "default": {
        # A cache that is gone costs speed, never a page.
        "BACKEND": "csm.lib.cache.Tolerant",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Celery: messages are wake-ups, rows are the truth. No result backend: runs and shards are rows.
CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_QUEUES, CELERY_TASK_ROUTES = QUEUES, ROUTES
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_BROKER_TRANSPORT_OPTIONS = transport(REDIS_URL)
CELERY_BEAT_SCHEDULER = "csm.beat:Schedule"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Log-in, second factor, single sign-on, lock-out, sessions: csm.conf.sign_in says what each is.
TRUSTED_PROXIES: list[str]
REQUIRE_SECOND_FACTOR: str
OIDC_ON: bool
OIDC_ONLY: bool
OIDC_NAME: str
OIDC_CREATE: str
OIDC_IS_SECOND_FACTOR: bool
LOGIN_TRIES: int
LOGIN_TRIES_PER_ADDRESS: int
LOGIN_LOCK_MINUTES: int
SESSION_IDLE_MINUTES: int
SESSION_COOKIE_AGE: int
vars().update(_sign_in)

EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST = _email["EMAIL_HOST"] or "localhost"
EMAIL_PORT = _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = _email["EMAIL_USE_TLS"]
EMAIL_USE_SSL = _email["EMAIL_USE_SSL"]
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = _email.get("DEFAULT_FROM_EMAIL") or "CSM workbench <csm@localhost>"

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else None
STATICFILES_DIRS = [BASE_DIR / "static"]
# On one machine the files are served as they lie: no collectstatic before the first page.
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Uploads are customers' data: never served by address, readable by this process's user alone.
MEDIA_ROOT = Path(_files) if _files else VAR_DIR / "files"
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
FILE_UPLOAD_HANDLERS = [
    "accounts.imports.uploads.SizeLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "accounts.imports.uploads.OnDisk",
]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# The API: tokens or the session of the one who reads the docs; JSON in, JSON out, whatever goes wrong.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.auth.BearerTokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.api.parsers.StrictJson"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "accounts.api.parsers.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "accounts.api.handler.answer",
}
KNOX_TOKEN_MODEL = "csm.ApiToken"  # noqa: S105 - a model, not a token
# Its own migrations would make the table of the model ours replaces, and PostgreSQL then flushes no tests.
MIGRATION_MODULES = {"knox": None}
# The prefix lets scanners of source code find a token somebody committed by mistake.
REST_KNOX = {"AUTH_HEADER_PREFIX": "Bearer", "TOKEN_PREFIX": "csm_"}
SPECTACULAR_SETTINGS = {
    "TITLE": "CSM workbench API",
    "VERSION": "1",
    "DESCRIPTION": "Read and write the facts of accounts: what customers are, do, pay and say.",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "defaultModelsExpandDepth": 0},
    "DISABLE_DOCSTRING_DESCRIPTIONS": True,
    # Enumerations stay where they are used: named ones collide, as many facts have a kind.
    "POSTPROCESSING_HOOKS": [],
    # A browser's session works too, but nobody types a cookie into the documentation.
    "AUTHENTICATION_WHITELIST": ["accounts.api.auth.BearerTokens"],
}

X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "csm.session_rows"
SECURE_REFERRER_POLICY = "same-origin"
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    # Monitors of this machine ask past the proxy; nothing in the answers is anybody's data.
    SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS]

LOGGING = logging_config(LOG_FORMAT or ("json" if PRODUCTION else "line"), LOG_LEVEL)
# Tasks carry the id of the request that asked for them.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
report_errors(_sentry_dsn, environment="production" if PRODUCTION else "local")

# Indexes carry further columns where the database can (PostgreSQL); SQLite makes do without.
SILENCED_SYSTEM_CHECKS = ["models.W040"]
