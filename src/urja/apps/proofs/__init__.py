"""The signed log over ledger entries and readings: the close of a day, proofs, and the daily results of the laws."""
