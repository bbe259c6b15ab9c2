"""The demo: one evening on Parlor, told and checked through the public API alone."""
