"""Every setting, read from the environment once.

Precedence: the process's environment, then `.env` beside manage.py, then what
`make run` left in `$FINISHD_DATA/run.env` so that a second terminal finds the
same servers.
"""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from redis.backoff import NoBackoff
from redis.retry import Retry

from core import openapi
from core.logs.config import get_config
from core.throttling import rates
from core.throttling.addresses import TrustedProxies
from finishd.staff.navigation import UNFOLD  # noqa: F401
from finishd.throttles import DEFAULTS as DEFAULT_LIMITS

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")
FINISHD_DATA = Path(env.str("FINISHD_DATA", default=str(BASE_DIR / ".data"))).resolve()
environ.Env.read_env(FINISHD_DATA / "run.env")

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. `make run` makes one; production takes it from its environment."
    )
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

ROOT_URLCONF = "finishd.urls"
WSGI_APPLICATION = "finishd.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The phone app's paths have no trailing slash; a redirect would turn its POST into a GET.
APPEND_SLASH = False

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "finishd.operations",
    "finishd.staff",
    "finishd.privacy",
    "finishd.demo",
    "content",
    "analytics",
    "activity",
    "feed",
]

MIDDLEWARE = [
    "core.middleware.observability.ObservabilityMiddleware",  # outermost: it records every response
    "core.middleware.errors.ApiErrorMiddleware",  # gives errors of the middleware below their shape
    "core.middleware.deadlines.DeadlineMiddleware",
    "finishd.operations.metering.StoreMeteringMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.middleware.pages.PageSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "core.middleware.pages.PageAuthenticationMiddleware",
    "core.middleware.pages.PageMessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "finishd" / "staff" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Time: how long a request may take, in seconds -----------------------------------------------
REQUEST_DEADLINE = env.float("REQUEST_DEADLINE", default=1.5)  # of the API
PAGE_DEADLINE = env.float("PAGE_DEADLINE", default=1.0)  # a page of a feed
PAGE_BUDGET = env.float("PAGE_BUDGET", default=0.3)  # what of a page it can do without: its sources share it
STAFF_DEADLINE = env.float("STAFF_DEADLINE", default=300.0)  # the admin, with its imports; whatever else

# --- SQL: the truth about content; sessions of the admin ---------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{FINISHD_DATA / 'db.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["ENGINE"] = "core.sql.sqlite3"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits for its turn instead of failing half-way
        "timeout": 10,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    from core.sql.postgresql.base import Connection

    DATABASES["default"]["ENGINE"] = "core.sql.postgresql"
    DATABASES["default"]["OPTIONS"] = {
        "pool": {
            "connection_class": Connection,
            "min_size": 0,
            # A connection for each thread of a web process (eight with Firestore), and for what readiness asks.
            "max_size": env.int("DATABASE_POOL", default=12),
            "timeout": 5,  # seconds that work without a deadline waits for one
            # One attempt for those who wait now; the breaker says when to try again, not the pool, whose pauses grow.
            "reconnect_timeout": 0.2,
        },
        "connect_timeout": 2,
        "server_side_binding": True,
    }

# --- Redis: required, no in-process fallback ----------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")
if not REDIS_URL:
    raise ImproperlyConfigured("REDIS_URL is not set. `make run` starts a Redis of its own; else name one.")
CACHE_URL = env.str("CACHE_URL", default=REDIS_URL)
REDIS_TIMEOUT = env.float("REDIS_TIMEOUT", default=0.15)  # seconds a request waits for one answer
FINISHD_EMBEDDED_REDIS = env.bool("FINISHD_EMBEDDED_REDIS", default=False)


def _redis(url: str) -> dict[str, Any]:
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": {
            "SOCKET_TIMEOUT": REDIS_TIMEOUT,
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT,
            "REDIS_CLIENT_CLASS": "core.redis.client.GuardedRedis",
            "PARSER_CLASS": "core.redis.client.DeadlineParser",
            # redis-py retries ten times by default, also what is not idempotent.
            "CONNECTION_POOL_KWARGS": {
                "max_connections": env.int("REDIS_POOL", default=64),
                "retry": Retry(NoBackoff(), 0),
                # Under protocol 3 redis-py 8 writes each score of a sorted set out as text and reads it back.
                "protocol": 2,
            },
        },
    }


CACHES = {"default": _redis(CACHE_URL), "state": _redis(REDIS_URL)}

# --- Celery --------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default=REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A message that a killed worker held comes back after this, at the next sweep, which the two below
    # bring every few seconds. What must not wait so long is a job in SQL or the activity store.
    "visibility_timeout": 600,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 570  # below the visibility timeout, or a task would run twice at once
CELERY_TASK_SOFT_TIME_LIMIT = 550
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    # Deliveries wait for nothing else: not for imports, not for rebuilds.
    "activity.tasks.*": {"queue": "delivery"},
    # What reads events waits behind events only, and nothing waits behind them.
    "activity.tasks.read_events": {"queue": "events"},
    "activity.tasks.read_shard_history": {"queue": "events"},
    "activity.tasks.flush_histories": {"queue": "events"},
    "analytics.tasks.*": {"queue": "events"},
    "feed.tasks.*": {"queue": "indexes"},
    "content.tasks.*": {"queue": "content"},
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
DJANGO_CELERY_BEAT_TZ_AWARE = True

# --- People --------------------------------------------------------------------------------------
# More followers than this and an account is not pushed; pushed again below 80 % of it.
FANOUT_PUSH_LIMIT = env.int("FANOUT_PUSH_LIMIT", default=10_000)
ACTIVITY_STORE = env.str("ACTIVITY_STORE", default="orm")
# Firestore, in the project below; FIRESTORE_EMULATOR_HOST is read by Google's library.
FIRESTORE_DATABASE = env.str("FIRESTORE_DATABASE", default="(default)")
FIRESTORE_TIMEOUT = env.float("FIRESTORE_TIMEOUT", default=1.5)  # seconds one attempt may take
FIRESTORE_DEADLINE = env.float("FIRESTORE_DEADLINE", default=4.0)  # and a store call with all its attempts
FIREBASE_PROJECT_ID = env.str("FIREBASE_PROJECT_ID", default="")
FIREBASE_KEYS_FILE = env.str("FIREBASE_KEYS_FILE", default="")  # a JWKS file; development only
# Not from the environment: whoever chooses these keys chooses who is who.
FIREBASE_KEYS_URL = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)

# --- Analytics -----------------------------------------------------------------------------------
ANALYTICS_MAX_SHARDS = 64  # that drains look for; fewer would leave events of before behind
ANALYTICS_SHARDS = env.int("ANALYTICS_SHARDS", default=4)  # streams that new events go to
if not 1 <= ANALYTICS_SHARDS <= ANALYTICS_MAX_SHARDS:
    raise ImproperlyConfigured(f"ANALYTICS_SHARDS is a number from 1 to {ANALYTICS_MAX_SHARDS}.")
ANALYTICS_STREAM_EVENTS = env.int("ANALYTICS_STREAM_EVENTS", default=1_000_000)  # may wait, in all streams
ANALYTICS_MARKS_MB = env.int("ANALYTICS_MARKS_MB", default=256)  # by which repeated events are told, 48 h
HISTORY_FLUSH_SECONDS = env.int("HISTORY_FLUSH_SECONDS", default=600)  # one write per viewer in this time

# --- Feed ----------------------------------------------------------------------------------------
FEED_TRACE_PERCENT = env.int("FEED_TRACE_PERCENT", default=1)  # plans that keep a full trace
INDEX_STALE_SECONDS = env.int("INDEX_STALE_SECONDS", default=2 * 3600)  # older than this, not ready

# --- API -----------------------------------------------------------------------------------------
API_ROOT = "/api/v1/"  # requests below it have REQUEST_DEADLINE
API_PATH_PREFIXES = ("/api", "/health")  # errors below these are JSON, and nothing below them has a session
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["core.auth.drf.FirebaseAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["core.api_json.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api_json.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["core.throttling.drf.ScopeThrottle"],
    "EXCEPTION_HANDLER": "core.throttling.drf.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["core.api_json.JSONRenderer"],
}
SPECTACULAR_SETTINGS = {
    **openapi.SETTINGS,
    "TITLE": "Finishd",
    "DESCRIPTION": "Planned feeds for people who track films and series. Every path requires a Firebase ID token.",
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT"},
    "SCHEMA_PATH_PREFIX": r"/api/v[0-9]+",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
THROTTLES = rates.load_limits(DEFAULT_LIMITS, lambda name, default: env.str(name, default=default))
TRUSTED_PROXIES = TrustedProxies.parse(env.list("TRUSTED_PROXIES", default=[]))

# --- Watching ------------------------------------------------------------------------------------
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # without one, /metrics is for staff only
# Where a worker shows what its processes count, to whoever asks; 0: nowhere.
METRICS_PORT = env.int("METRICS_PORT", default=0)
METRICS_HOST = env.str("METRICS_HOST", default="127.0.0.1")
LOG_FORMAT = env.str("LOG_FORMAT", default="") or ("text" if DEBUG else "json")
LOGGING = get_config(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"), readiness_path="/health/ready")

# --- Time, language, static ----------------------------------------------------------------------
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en-us"
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = DEBUG
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# --- Behind TLS ----------------------------------------------------------------------------------
if not DEBUG:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^health"]  # balancers probe in plain HTTP
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if env.bool("TRUST_X_FORWARDED_PROTO", default=False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
