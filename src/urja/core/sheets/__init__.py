"""A society's own spreadsheet: its headings found, its columns guessed, its cells read; pure.

grid ─▶ headings.find ─▶ columns.guess ─▶ SheetMap, corrected by a person ─▶ reading.read ─▶ rows and faults
"""
