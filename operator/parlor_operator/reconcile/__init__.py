"""What to do about a resource, decided from what it says and what was found. Pure."""
