"""The rules about people, as pure functions on plain values: no Django, no Redis, no clock.

Each rule is implemented here once. A store loads and locks what a rule needs (or sets preconditions), calls the rule
and saves what differs. A rule returns the values after the change, with raised versions, and the jobs that the change
leaves.

`person` has the plain value of a stored person and the rule for its versions. `relations` records activities;
`preferences` saves preferences and names; `affinities`, `events` and `history` add up the contributions;
`follows`, `blocks` and `reach` are rules between people; `erasure` is what an erasure changes in others.
"""
