"""The activity store in Cloud Firestore: a call is a request or two, a document a document (`layout`)."""

from activity.store.firestore.activities import Activities
from activity.store.firestore.follows import Follows
from activity.store.firestore.jobs import Jobs
from activity.store.firestore.leaving import Leaving
from activity.store.firestore.people import People
from activity.store.firestore.timelines import Timelines


class FirestoreStore(People, Activities, Follows, Timelines, Jobs, Leaving):
    """Implements `ActivityStore`."""
