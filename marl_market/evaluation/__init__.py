"""Who is good: matches, comparisons and their statistics, as values."""
