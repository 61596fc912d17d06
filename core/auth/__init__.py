"""Authentication: Firebase ID tokens and the keys that verify them.

`tokens` has the rules of a token, without I/O. `keystore` gets the keys, from Google or from a file in development.
`token_cache` remembers valid tokens. `drf` is the authentication class.
"""
