"""Policies that play against learners and do not learn."""
