"""Observe, plan, act, say: one level-based loop a kind, called for every reason there is."""
