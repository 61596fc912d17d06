"""Who is calling: Firebase ID tokens, the keys that verify them, and what DRF makes of both.

`tokens` decides, without I/O. `keystore` brings the keys: Google's, or a file's in
development; both end in the same verifier. `drf` is the authentication class.
"""
