"""What must hold of the books and meters, examined from outside: by base tables, a second rater and the meters' own truth."""
