-- One recovery at a time; held by the session.
select pg_advisory_lock(7230640411341)
