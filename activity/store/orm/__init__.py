"""The activity store in Django's database (SQLite or PostgreSQL): a call is one transaction, a document one row."""

from activity.store.orm.activities import Activities
from activity.store.orm.follows import Follows
from activity.store.orm.jobs import Jobs
from activity.store.orm.people import People
from activity.store.orm.privacy import Privacy
from activity.store.orm.timelines import Timelines


class OrmStore(People, Activities, Follows, Timelines, Jobs, Privacy):
    """Implements `ActivityStore`."""
