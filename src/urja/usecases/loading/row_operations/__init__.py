"""What the rows of each kind of file ask for: the operations that everybody performs, and what only a file can get wrong.

A module a kind, found by its name: `look_ahead` asks once for what many rows will be compared with, `asked` gives the
operations of one. A file does not change what has consequences; the fault names the operation that does.
"""
