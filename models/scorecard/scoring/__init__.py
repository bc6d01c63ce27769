"""From events to a score: matches, occurrences, points, stage and route, ledger."""
