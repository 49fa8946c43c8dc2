"""The conservation laws: what must hold of ledger, readings, commands and meters, checked independently of the code
they judge.

Each law reads base tables by plain SQL, a second rater that shares nothing with the first, or the meters' own truth
files.
"""
