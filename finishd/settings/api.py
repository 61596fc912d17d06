"""The HTTP API: deadlines, REST framework, OpenAPI, throttling; and monitoring: metrics and logs."""

from core import openapi
from core.environment.reader import check_below
from core.logs.config import LEVELS, get_config
from core.logs.formatters import FORMATS
from core.throttling import rates
from core.throttling.addresses import TrustedProxies
from finishd.settings.environment import DEBUG, read
from finishd.throttles import DEFAULTS as DEFAULT_LIMITS

# Timeouts and deadlines, in seconds
REQUEST_DEADLINE = read.seconds("REQUEST_DEADLINE", default=1.5, maximum=300)  # of a request to the API
PAGE_DEADLINE = read.seconds("PAGE_DEADLINE", default=1.0, maximum=300)  # of a page of a feed
# Of a page's time, for the parts that it can do without
PAGE_BUDGET = read.seconds("PAGE_BUDGET", default=0.3, maximum=300)
check_below(("PAGE_BUDGET", PAGE_BUDGET), ("PAGE_DEADLINE", PAGE_DEADLINE))
# Of all other requests: the admin and its imports
STAFF_DEADLINE = read.seconds("STAFF_DEADLINE", default=300.0, maximum=3600)

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
THROTTLES = rates.load_limits(DEFAULT_LIMITS, read.rate)
TRUSTED_PROXIES = TrustedProxies.parse(read.names("TRUSTED_PROXIES"))

# Monitoring
# For /metrics and the details of readiness. Without a token, only staff may read them.
METRICS_TOKEN = read.secret("METRICS_TOKEN", minimum=16)
# On each disk that a process writes to. With less, not ready; 0 means no check.
MIN_FREE_DISK_MB = read.count("MIN_FREE_DISK_MB", default=100, minimum=0, maximum=1_000_000)
# Where a worker serves the metrics of its processes, without authentication. 0 means nowhere.
METRICS_PORT = read.port("METRICS_PORT")
METRICS_HOST = read.host("METRICS_HOST", default="127.0.0.1")
LOG_FORMAT = read.choice("LOG_FORMAT", FORMATS, default="text" if DEBUG else "json")
LOG_LEVEL = read.choice("LOG_LEVEL", LEVELS, default="INFO")
LOGGING = get_config(LOG_FORMAT, LOG_LEVEL, readiness_path="/health/ready")
