"""The table ``aggregates`` made by compiled loops, for histories too large for joins; see docs/adr/0014."""
