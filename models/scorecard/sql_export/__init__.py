"""A sheet as one query for a warehouse."""
