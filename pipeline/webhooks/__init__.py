"""Messages to a server of the user's: a lead's stage changed, a run ended."""
