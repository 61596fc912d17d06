"""`make run`: the whole of Finishd in one terminal (`python -m finishd.run`)."""
