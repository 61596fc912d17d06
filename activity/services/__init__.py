"""Activity's door: what other apps, views, admin and tasks may call.

Of a viewer: `profiles` is what a plan needs of them, `preferences` what their phone syncs, `names` and
`people` what they are called, `history` what they have seen, `presence` whether they are about,
`leaving` how they go. Between people: `relations` is what somebody does to a title and `liking` what that
says of their taste, `follows` who follows and blocks whom, `timelines` what a viewer's friends did.
Behind them, for tasks: `fanout`, `edges`, `reach` and `rebuilds` deliver; `lag` says how far they are
behind, `metering` what the store's calls cost.
"""
