"""One new lead that comes as JSON: its request format, and the history that is made of it."""
