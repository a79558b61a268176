"""Report a run: sinks while it runs, figures and one HTML page at its end."""
