"""The society's bank accounts, their statements, and what people say that they have transferred."""
