"""Card games: invites, rules, plays and live tables."""
