"""Fixtures of the privacy tests."""

from typing import Any

import pytest

from feed.tests import world


@pytest.fixture
def catalogue(settings: Any) -> None:
    settings.FEED_TRACE_PERCENT = 100
    world.catalogue(60)
    world.build()
