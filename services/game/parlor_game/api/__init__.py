"""Route functions: parse, ask, delegate, render."""
