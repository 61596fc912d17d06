"""All paths of the server. The API's paths are below /api/v1 and have no trailing slash."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from finishd.operations import health, metrics
from finishd.staff import logins

handler500 = "core.errors.pages.handle_500"
urlpatterns = [
    # Staff open the address that `make run` prints.
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("health", health.live, name="health"),
    path("api/v1/health", health.live),
    path("api/v1/feed/health", health.live),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("admin/login/", logins.login),  # before the admin's own login view, which it calls
    path("admin/", admin.site.urls),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("api/v1/", include("feed.urls")),
    path("api/v1/", include("activity.urls")),
    path("api/v1/", include("content.urls")),
    path("api/v1/", include("analytics.urls")),
]
