"""Work orders for field staff: what is to be done, what was found, and photographs."""
