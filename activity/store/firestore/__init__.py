"""The activity store in Cloud Firestore: a call is one or two requests, a document a document (see `layout`)."""

from activity.store.firestore.activities import Activities
from activity.store.firestore.follows import Follows
from activity.store.firestore.jobs import Jobs
from activity.store.firestore.people import People
from activity.store.firestore.privacy import Privacy
from activity.store.firestore.timelines import Timelines


class FirestoreStore(People, Activities, Follows, Timelines, Jobs, Privacy):
    """Implements `ActivityStore`."""
