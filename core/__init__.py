"""The foundation: everything that knows no app."""
