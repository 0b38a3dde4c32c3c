-- The account of a name.
-- $1 name_key text
select id, name, name_key, password_hash, version = 0 as pending
from users
where name_key = $1
