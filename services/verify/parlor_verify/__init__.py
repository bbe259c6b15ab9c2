"""Checks what Parlor hands out, offline and without Parlor: anybody can run it, on any machine.

Nothing here talks to a service or reads a setting. A command reads files, recomputes every hash,
signature and rule from the documented formats, and says what it found.
"""
