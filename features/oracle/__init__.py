"""The same features again, slowly and plainly in Python: what SQL and compiled loops are held against."""
