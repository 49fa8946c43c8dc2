"""The operations that rows of each kind of file stand for, and the faults that only a file can have.

One module a kind, found by its name: `prefetch` fetches at once what many rows are compared with, `operations_of` gives the
operations of one row. A file does not make changes that have consequences; the fault names the operation that does.
"""
