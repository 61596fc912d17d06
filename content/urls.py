"""Paths of content below /api/v1."""

from django.urls import path

from content import views

urlpatterns = [
    path("search", views.SearchView.as_view(), name="search"),
]
