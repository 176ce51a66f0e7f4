// What a mover is given.
import type { Config } from '../config/config.ts';
import type { FileReport } from '../fleet/file-requests.ts';
import type { OnMoverOccurrence } from './occurrence.ts';

export interface MoverOptions {
  readonly config: Config;
  /** Its shards are moved, and those of hosts without a mover; also this mover's name in `lag`. */
  readonly host: string;
  readonly version?: string;
  readonly onOccurrence: OnMoverOccurrence;
  /** What is reported of the file, with each beat. */
  readonly file?: FileReport;
  /** Queues of the file have no source on this shard yet, as central knows it; called again and again. */
  readonly onMissing?: (shard: string) => void;
  /** A loop that takes no turn for this long is begun anew; default: longer than any wait in it. */
  readonly stillMs?: number;
}
