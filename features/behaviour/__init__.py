"""What a lead did: its events, counted and summed over windows up to each row's as-of."""
