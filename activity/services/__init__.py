"""Activity's door: what other apps, views, admin and tasks may call.

`profiles` is what a plan needs of a viewer, `preferences` what a phone syncs, `blocks` who
wants nothing of whom, `timelines` what a viewer's friends did, `history` what they have seen,
`lag` how far deliveries are behind, `metering` what the store's calls cost, `leaving` how a person goes.
"""
