"""Modules of a package without what the package loads first: a client alone needs a few of its server's libraries."""

import importlib.util
import sys
import types


def open_package(*names):
    """Lets modules of the packages `names` be imported as they are installed, leaving out each package's own `__init__`."""
    for name in names:
        parent, _, child = name.rpartition(".")
        if parent:
            folders = [f"{folder}/{child}" for folder in sys.modules[parent].__path__]
        else:
            folders = list(importlib.util.find_spec(name).submodule_search_locations)
        package = types.ModuleType(name)
        package.__path__ = folders
        sys.modules[name] = package
