"""Celery's broker: workers that survive what Redis replies, and the state of queues."""
