"""Views that do as little as an answer can do: what the API is compared with, in the same server."""
