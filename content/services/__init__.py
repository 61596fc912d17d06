"""The public interface of content. Other apps import only these modules and `content.types`.

| module | contents |
|---|---|
| `items` | changes of items, and the update of their cards after the commit |
| `cards` | cards and facts in Redis |
| `titles` | the items of a title |
| `genres` | genres by slug, name, alias or TMDB id |
| `curation` | staff's changes of genres, and the numbers of the dashboard |
| `search` | items by words |
| `catalogue` | the facts of all published items, in batches |
| `schema` | an item in the OpenAPI schema |
"""
