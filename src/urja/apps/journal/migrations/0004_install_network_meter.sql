-- The audit is only ever added to; the owner gives a kind another name, within one transaction.
ALTER TABLE journal_operation DISABLE TRIGGER journal_operations_do_not_change;
UPDATE journal_operation SET kind = 'install_network_meter' WHERE kind = 'hanging';
ALTER TABLE journal_operation ENABLE TRIGGER journal_operations_do_not_change;
UPDATE journal_request SET kind = 'install_network_meter' WHERE kind = 'hanging';
