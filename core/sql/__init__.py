"""Database backends with a circuit breaker and deadlines, and helpers for statements."""
