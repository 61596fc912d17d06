"""Every path the server answers. The phone app's hang under /api/v1 without a trailing slash."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
