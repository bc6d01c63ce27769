"""The table ``facts`` made by compiled loops, for histories too large for joins; see docs/adr/0014."""
