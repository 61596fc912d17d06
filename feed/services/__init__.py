"""Feed's door: what views, admin, tasks and the health page may call.

`feeds` answers a request for a page, `builds` makes and rolls back indexes, `indexes` says how
they are, `inspect` shows staff a viewer's plan, `explain` why an item ranks where it does.
"""
