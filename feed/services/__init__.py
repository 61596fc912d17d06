"""The public interface of feed: other apps import only these modules and `feed.types`.

`pages` returns a page of a feed, from the plans of `sessions`. `builds` rebuilds and rolls back indexes, `index_status`
reports their state. `inspect` shows staff a viewer's plan, `explain` why an item ranks where it does. `privacy` erases
and exports a person's data.
"""
