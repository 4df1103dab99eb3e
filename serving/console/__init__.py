"""The web console for brand managers: a process of its own beside the service, and a client of it like any other.

It reads no bundle, no snapshot and no log: all that it shows comes over HTTP, by the key that its user signed in with.
NiceGUI draws it; it is imported when the console starts, not before, and comes with the extra ``console``.
"""

from serving.console.launch import console_beside, run_console
from serving.console.settings import ConsoleSettings

__all__ = ["ConsoleSettings", "console_beside", "run_console"]
