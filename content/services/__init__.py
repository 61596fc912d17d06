"""Content's door: what other apps, views, admin and tasks may call.

`items` changes the catalogue, `cards` reads and writes what Redis holds of it, `titles`
finds a title's items, `genres` gives a genre its one name, `search` finds items by
words, `stream` walks the published catalogue in batches, `schema` describes an item on the wire.
"""
