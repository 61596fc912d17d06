"""Analytics' door: what other apps, views, admin and tasks may call.

`ingest` takes events from phones. `reading` is how a reader (named in `analytics.types.READERS`) goes through them,
each once; `drain` is the reader that counts, `voting` what of it is heard in trending, `counts` what was counted,
`retention` how long that is kept in hours and days. `letters` keeps what could not be counted, `lag` says how far
readers are behind, `privacy` exports and erases what is stored about a person.
"""
