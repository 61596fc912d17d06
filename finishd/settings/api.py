"""The HTTP API: deadlines, REST framework, OpenAPI, throttling; and monitoring: metrics and logs."""

from core import openapi
from core.logs.config import get_config
from core.throttling import rates
from core.throttling.addresses import TrustedProxies
from finishd.settings.environment import DEBUG, env
from finishd.throttles import DEFAULTS as DEFAULT_LIMITS

# Timeouts and deadlines, in seconds
REQUEST_DEADLINE = env.float("REQUEST_DEADLINE", default=1.5)  # of a request to the API
PAGE_DEADLINE = env.float("PAGE_DEADLINE", default=1.0)  # of a page of a feed
PAGE_BUDGET = env.float("PAGE_BUDGET", default=0.3)  # of it, for the parts that a page can do without
STAFF_DEADLINE = env.float(
    "STAFF_DEADLINE", default=300.0
)  # of all other requests: the admin and its imports

# API
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

# Monitoring
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")  # without a token, only staff may read /metrics
# Where a worker serves the metrics of its processes, without authentication. 0 means nowhere.
METRICS_PORT = env.int("METRICS_PORT", default=0)
METRICS_HOST = env.str("METRICS_HOST", default="127.0.0.1")
LOG_FORMAT = env.str("LOG_FORMAT", default="") or ("text" if DEBUG else "json")
LOGGING = get_config(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"), readiness_path="/health/ready")
