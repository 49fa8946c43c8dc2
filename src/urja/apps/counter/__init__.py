"""The counter: cashiers' drawers, numbered receipts for cash and cheques, and deposits of takings at the bank."""
