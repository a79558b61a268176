"""Put the configs into the wheel: conf/ lies beside the package in the source tree and inside it where installed."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Build the package, and copy conf/ into it unless the install is editable."""

    def run(self):
        """Build."""
        super().run()
        if not self.editable_mode:
            shutil.copytree("conf", Path(self.build_lib) / "marl_market" / "conf", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithConfigs})
