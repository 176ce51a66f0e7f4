// What counts as small, large and oversized on an event's way, from the smallest to the largest; what lower rooms decide comes
// from there. `mover.whole` and `mover.memory` are the user's (config), and rates are where they are kept (commit-pace.ts).
//
// Very small windows come with the round: the limits are with the SQL that keeps them, shards/inline-read.ts.
import { MOST_IN_ONE_MESSAGE_BYTES } from '../../central/commit/one-message.ts';

/** A row that is not complete yet reserves memory beforehand only where it needs more than this. */
export const LEAST_EXPECTED_BYTES = 256 * 1024;
/** What a window should hold at least while memory is short: less would cost more than it saves. */
export const LEAST_WINDOW_BYTES = 256 * 1024;
/** A parcel or commit with more is large: central takes less than this in one message, in some ten milliseconds. */
export const LARGE_BYTES = MOST_IN_ONE_MESSAGE_BYTES;
/** Most of many small parcels in one commit; a single larger parcel goes alone. */
export const MOST_SMALL_BYTES = 4 * LARGE_BYTES;
/** What one window should hold at most; ticks further apart make larger ones. */
export const WINDOW_BYTES = 8 * 1024 * 1024;
/** Most of large parcels in one commit; a single larger parcel goes alone. */
export const MOST_LARGE_BYTES = 16 * LARGE_BYTES;
/** A window of more than this many times the events of WINDOW_BYTES is read alone. */
export const LARGE_WINDOWS = 3;
