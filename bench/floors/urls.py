"""The API and the floors, which have the same path prefix so that the middleware treats them in the same way."""

from django.urls import include, path

from bench.floors import views

urlpatterns = [
    path("api/v1/floor/plain", views.plain),
    path("api/v1/floor/empty", views.Empty.as_view()),
    path("api/v1/floor/page", views.TwoReads.as_view()),
    path("api/v1/floor/events", views.RawEvents.as_view()),
    path("", include("finishd.urls")),
]
