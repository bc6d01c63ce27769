"""A sheet as a table for spreadsheet programs, and back without loss."""
