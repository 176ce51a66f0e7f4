// What central stores of a moved event.

/** In this order in central's COPY, and in the shards' behind two columns of our own. */
export const CENTRAL_COLUMNS = 'ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4';

/** The columns before them in the rows of a queue that says `deliver_at` or `unique`: when the event is due, and a hash of its key. */
export const DELAYED_COLUMNS = 'due_at, unique_key';
