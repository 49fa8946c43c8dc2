"""Executes a program as a child that ends with its parent.

Run by its path with `python -I -S` before every child of the supervisor. It is a program of its own because
what it does (a death signal, a user namespace) is only safe in a process with one thread, which a forked copy
of a larger program is not. It imports nothing outside the standard library.

PostgreSQL refuses to run as user 0. As root it is given a user namespace in which this user carries another
number: files stay root's outside and need no change of owner, and no parent directory is touched.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
NAMESPACE_REFUSED = 71
"""Exit code (sysexits EX_OSERR) where the kernel refuses the user namespace."""
PROGRAM_MISSING = 127
"""Exit code, as of a shell, where the program cannot be executed."""


def command(
    program: list[str], *, death_signal: signal.Signals = signal.SIGKILL, unprivileged: bool = False
) -> list[str]:
    """Return the command that runs `program` as a child of the calling process.

    The child receives `death_signal` when the calling process ends. With `unprivileged` it does not run as root.
    """
    disguise = _stand_in_uid() if unprivileged and os.geteuid() == 0 else 0
    return [
        sys.executable,
        "-I",
        "-S",
        __file__,
        str(os.getpid()),
        str(int(death_signal)),
        str(disguise),
        *program,
    ]


def _stand_in_uid() -> int:
    """Return an existing uid other than root's, because `initdb` looks up the name of its user."""
    import pwd

    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        others = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
        if not others:
            raise OSError(
                "PostgreSQL cannot run as root, and /etc/passwd has no other user: add one"
            ) from None
        return others[-1]


def die_with(parent: int, death_signal: int) -> None:
    """Ask the kernel to signal this process when its parent ends; exit if it has already ended."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        # The parent ended before the signal was set.
        sys.exit(NAMESPACE_REFUSED)


def _enter_namespace(stand_in: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/uid_map").write_text(f"{stand_in} {uid} 1\n", "ascii")
    Path("/proc/self/setgroups").write_text("deny\n", "ascii")
    Path("/proc/self/gid_map").write_text(f"{stand_in} {gid} 1\n", "ascii")


def main(arguments: list[str]) -> None:
    parent, death_signal, stand_in, *program = arguments
    # Ctrl-C at a terminal reaches the whole foreground group; only the supervisor must act on it.
    os.setpgid(0, 0)
    if int(stand_in):
        try:
            _enter_namespace(int(stand_in))
        except OSError as error:
            sys.stderr.write(f"urja: cannot leave root's identity by a user namespace: {error}\n")
            sys.exit(NAMESPACE_REFUSED)
    # After the namespace: a change of credentials clears the death signal.
    die_with(int(parent), int(death_signal))
    try:
        os.execvp(program[0], program)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"urja: cannot run {program[0]}: {error}\n")
        sys.exit(PROGRAM_MISSING)


if __name__ == "__main__":
    main(sys.argv[1:])
