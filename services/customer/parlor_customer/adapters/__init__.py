"""Implementations of `ports`. Only `bootstrap` imports them."""
