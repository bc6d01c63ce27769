"""One module per page: what it is asked, what it shows, what it writes."""
