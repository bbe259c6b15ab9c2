"""What stops the dev stack from starting and what a person can do about it, in one line.

Every part of parlor_dev raises `Problem` for a cause outside the code (a port in use, a missing
package, a full disk); `__main__` prints the line and exits with 2. It never carries a password.
"""


class Problem(Exception):
    """The message is one line: what is wrong, and the command or variable that puts it right."""
