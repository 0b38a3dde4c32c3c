-- The name that ties a Redis to this database.
select name
from installation
