"""Who may see and do what: what pages, programs and use cases ask."""
