"""Parts of ``make bench-features``: a made history, and each timed way from its Parquet to features."""
