"""Is tonight like the nights before, and like the data that were learned from? Profiles, and what is compared of them."""
