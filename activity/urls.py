from django.urls import path

from activity.views import MeViewSet, SocialViewSet

urlpatterns = [
    path("user/preferences/sync", MeViewSet.as_view({"post": "preferences"}), name="preferences-sync"),
    path("user-titles/sync", MeViewSet.as_view({"post": "titles"}), name="user-titles-sync"),
    path("social/follow", SocialViewSet.as_view({"post": "follow"}), name="social-follow"),
    path("social/block", SocialViewSet.as_view({"post": "block"}), name="social-block"),
    path("social/followers/<str:uid>", SocialViewSet.as_view({"get": "followers"}), name="social-followers"),
    path("social/following/<str:uid>", SocialViewSet.as_view({"get": "following"}), name="social-following"),
    path("social/stats/<str:uid>", SocialViewSet.as_view({"get": "stats"}), name="social-stats"),
    path("social/mutuals/<str:uid>", SocialViewSet.as_view({"get": "mutuals"}), name="social-mutuals"),
]
