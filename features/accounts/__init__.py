"""What the other leads of an account did."""
