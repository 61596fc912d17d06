from django.urls import path

from activity.views import PeopleViewSet

urlpatterns = [
    path("user/preferences/sync", PeopleViewSet.as_view({"post": "preferences"}), name="preferences-sync"),
    path("social/block", PeopleViewSet.as_view({"post": "block"}), name="social-block"),
]
