"""Helpers for tests. `services` and `firestore` are pytest plugins that start real servers."""
