"""What people and programs may have done, one module an operation: the only writers across apps."""
