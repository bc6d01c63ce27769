"""What the command line runs: one file a job, each a table of contents of its steps."""
