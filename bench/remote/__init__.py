"""What runs with Django within a world: seeding it, and what is timed where it happens.

Each public function of these modules is called by the bench (`bench.calls`) by name, takes and returns JSON values.
"""
