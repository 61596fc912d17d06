"""The URLs of analytics below /api/v1."""

from django.urls import path

from analytics import views

urlpatterns = [
    path("analytics/event", views.EventsView.as_view(), name="analytics-event"),
]
