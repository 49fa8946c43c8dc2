"""The journal: requests, the audit of operations, and rows as they were before each change."""
