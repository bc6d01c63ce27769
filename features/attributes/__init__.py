"""Who a lead is: columns of leads and accounts as they were known then, read as numbers, classes and flags."""
