"""The fixtures of a tiny run, see `tests.tiny_run`."""

from tests.tiny_run import learning, one_torch_thread, train

__all__ = ["learning", "one_torch_thread", "train"]
