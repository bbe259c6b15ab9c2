"""Route functions: parse, ask the policy, call the use case, render. `routes.py` lists them."""
