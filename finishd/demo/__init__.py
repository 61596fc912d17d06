"""The demo world: its data, and what loads it."""
