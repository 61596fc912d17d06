"""Fixtures of the admin tests."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from content.tests.factories import ItemFactory
from feed.models import IndexBuild
from feed.services import builds


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff"))
    return client


@pytest.fixture
def index_viewer(client: Client) -> Client:
    """A staff user with permission for the indexes only."""
    user = User.objects.create_user("index_viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_indexbuild"))
    client.force_login(user)
    return client


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def built(now: datetime) -> IndexBuild:
    for n in range(12):
        ItemFactory.create(id=f"i{n}", title=f"Film {n}", popularity=100 - n, genres=["drama"])
    return builds.rebuild_indexes(now=now)
