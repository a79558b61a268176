"""Tell what a run did: sinks while it runs, figures and one page when it is over."""
