"""Jobs, the command line, and all that touches a disk or a database. Imports models and features."""
