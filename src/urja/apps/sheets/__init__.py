"""Spreadsheets that people upload in the browser: the unchanged bytes, and the pipeline's findings."""
