"""A sheet learned from conversions: lines in the language of sheets, and their points."""
