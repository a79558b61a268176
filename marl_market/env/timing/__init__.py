"""Decision timing: the steps in which an agent acts."""
