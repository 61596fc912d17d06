"""Activity's door: what other apps, views, admin and tasks may call.

Of a viewer: `profiles` is what a plan needs of them, `preferences` what their phone syncs, `names` and
`people` what they are called, `history` what they have seen and skipped, `presence` whether they are about,
`privacy` exports and erases what is stored about them. Between people: `relations` is what somebody
does to a title and `liking` what that
says of their taste, `follows` who follows and blocks whom, `timelines` what a viewer's friends did.
Behind them, for tasks: `fanout`, `edges`, `reach` and `rebuilds` deliver; `watching` reads events, `pending`
keeps what they came to, `flushing` carries it to the store; `lag` says how far deliveries are behind, `metering`
what the store's calls cost.
"""
