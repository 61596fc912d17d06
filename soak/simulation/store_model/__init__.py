"""A model of the activity store, in memory. A call is one step: it happens completely or not at all.

It passes the tests of every store (`activity/tests/test_store_*.py`), and uses the same rules (`activity/rules/`).
"""

from soak.simulation.store_model.activities import Activities
from soak.simulation.store_model.people import People
from soak.simulation.store_model.privacy import Privacy
from soak.simulation.store_model.timelines import Timelines


class StoreModel(People, Activities, Timelines, Privacy):
    """Implements `ActivityStore`."""
