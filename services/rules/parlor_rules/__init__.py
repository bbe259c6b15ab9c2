"""The rules of the card games: pure functions over immutable values.

The use cases of the game service call this package, and so does whoever checks a finished game.
Nothing here does I/O, reads a clock or draws from a global random source: a game is its seed plus
its move log, so a table survives any process, and two processes always agree. Nothing here imports
anything but the standard library.

Start with `protocol` (what every game offers), then `catalog` (which games there are).
"""
