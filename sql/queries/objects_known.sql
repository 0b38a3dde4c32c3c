-- Which of these media files belong to a video.
-- $1 objects text[]
select object
from videos
where object = any ($1)
