"""Results of a tournament for people: tables, files and a page."""
