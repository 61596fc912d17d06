"""How fast it is, beside a floor of the same run: `make bench` (docs/PERFORMANCE.md).

`families` measure, `servers` start what they measure on, `inside` is what runs with Django within a world,
`floors` are the views that pages and events are compared with. The bench itself imports no Django.
"""
