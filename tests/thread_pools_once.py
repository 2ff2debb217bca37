"""Libraries with threads of their own are looked for when modules were imported, and else kept.

Each fit of scikit-learn's looks through the thousands of lines of what a process has mapped.
"""

import sys

from threadpoolctl import ThreadpoolController

FOUND: dict[int, list[str]] = {}  # paths of libraries by how many modules were imported


def keep_thread_pools() -> None:
    """Has a limit of threads ask again only when a module, which may bring a library, came."""
    look = ThreadpoolController._load_libraries

    def load_libraries(self):
        if (count := len(sys.modules)) not in FOUND:
            look(self)
            FOUND.clear()
            FOUND[count] = [library.filepath for library in self.lib_controllers]
            return
        for path in FOUND[count]:
            self._make_controller_from_path(path)

    ThreadpoolController._load_libraries = load_libraries
