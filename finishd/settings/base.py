"""Settings of Django itself: applications, middleware, templates, security, language and static files."""

from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from finishd.settings.environment import BASE_DIR, DEBUG, read
from finishd.staff import navigation

SECRET_KEY = read.text("SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. `make run` creates one; in production, set it in the environment."
    )
SECRET_KEY_FALLBACKS = read.names("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = read.names("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = read.names("CSRF_TRUSTED_ORIGINS")

ROOT_URLCONF = "finishd.urls"
WSGI_APPLICATION = "finishd.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The API's paths have no trailing slash. A redirect would turn a POST into a GET.
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
    "finishd.health",
    "finishd.staff",
    "finishd.privacy",
    "finishd.restore",
    "finishd.recovery",
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

UNFOLD = navigation.UNFOLD

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

if not DEBUG:
    SECURE_SSL_REDIRECT = read.flag("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^health"]  # load balancers use plain HTTP
    SECURE_HSTS_SECONDS = read.whole_seconds(
        "SECURE_HSTS_SECONDS", default=31_536_000, minimum=0, maximum=10 * 31_536_000
    )
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    if read.flag("TRUST_X_FORWARDED_PROTO", default=False):
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
