"""Bugs that a soak can be told to plant in the servers that it starts, to show that its checks notice them.

`make soak BUG=undo` plants one. Production never imports this package.
"""
