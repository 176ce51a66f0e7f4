// What happens to the file and its queries while a process runs, for log and tests. Nothing here logs by itself.
import type { Changes } from '../config/changes.ts';

/** What made a process read its file again. */
export type ReadBy = 'a signal' | '`tributary reload`' | '`watch: true`';

export type FleetOccurrence =
  | { readonly kind: 'file-taken'; readonly by: ReadBy; readonly changes: Changes }
  /** Nothing of it counts: what runs goes on with the one before. */
  | { readonly kind: 'file-refused'; readonly by: ReadBy; readonly sentences: readonly string[] }
  /** Rows of a query came, went or changed; one for all of them together. */
  | { readonly kind: 'shards-queried'; readonly changes: Changes }
  /** A row that is no shard; once for each sentence. */
  | { readonly kind: 'row-refused'; readonly sentence: string }
  /** A query failed: the shards that were known stay. Once, until it is well again. */
  | { readonly kind: 'query-failed'; readonly sentence: string }
  | { readonly kind: 'query-answers'; readonly place: string }
  /** A shard was installed by itself, or undefined: central; `did` in words. */
  | { readonly kind: 'installed'; readonly shard: string | undefined; readonly did: readonly string[] }
  /** Something cannot be installed by itself; once for each sentence, and tried again. */
  | { readonly kind: 'not-installed'; readonly sentence: string };
