-- Dead events are deleted when they are old enough, where the file says `dead:`.

create index dead_event_by_age on tributary.dead_event (central_queue, (coalesce(redriven_at, died_at)));
