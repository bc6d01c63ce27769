"""What a sheet may say: rules, groups, outcomes, lists, and how they are read, checked and written."""
