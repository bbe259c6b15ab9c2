"""What every Parlor process shares, domain-free."""
