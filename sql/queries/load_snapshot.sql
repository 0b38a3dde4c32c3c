-- The name of the snapshot that this transaction reads, for other sessions to read the same.
select pg_export_snapshot()
