"""Views that do the least work that a response needs. The API is compared with them in the same server."""
