"""RLlib learners behind the project's own `Learner` protocol."""
