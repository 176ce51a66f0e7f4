// Ends sources on central, and begins others where those ended, in one transaction with its note.
import type { Connection } from '../../postgres/connection.ts';
import type { CentralLink } from '../central-link.ts';
import { type Note, noted, type Operator } from '../logbook/note.ts';
import type { Fingerprint } from '../position.ts';

/** A source as it was looked at. */
export interface EndingSource {
  readonly id: number;
  /** Number of its newest position; undefined: it has none. */
  readonly n: number | undefined;
  /** Whether its shard was looked at. */
  readonly isSeen: boolean;
}

/** A source of a copy, which begins at a tick that it has in common with the shard that ends. */
export interface BeginningSource {
  readonly shard: string;
  readonly queue: string;
  readonly centralQueue: string;
  /** All that it leads to, where there are several. */
  readonly routes?: readonly string[] | undefined;
  readonly tick: Fingerprint;
}

export interface EndOfSources {
  readonly sources: readonly EndingSource[];
  readonly begin: readonly BeginningSource[];
  readonly successors: readonly string[];
  readonly note: Note;
}

/** All of it or nothing. @throws SQLSTATE TB010 where a source was moved on since it was looked at. */
export async function endSources(
  link: Pick<CentralLink, 'use'>,
  { sources, begin, successors, note }: EndOfSources,
  operator: Operator,
): Promise<void> {
  await noted(link, operator, async (central) => {
    await central.query('select tributary.end_sources($1, $2, $3)', [
      JSON.stringify(sources.map(({ id, n, isSeen }) => ({ source: id, n: n ?? null, seen: isSeen }))),
      operator.who,
      successors,
    ]);
    for (const shard of new Set(begin.map((one) => one.shard)))
      await beginOn(
        central,
        shard,
        begin.filter((one) => one.shard === shard),
      );
    return { result: undefined, note };
  });
}

async function beginOn(
  central: Connection,
  shard: string,
  sources: readonly BeginningSource[],
): Promise<void> {
  await central.query(
    `select tributary.create_position(s.id, t.tick_id, t.tick_time_us, t.tick_event_seq, t.tick_snapshot_md5)
     from tributary.register_sources($1, $2) s
     join jsonb_to_recordset($2) as t (queue text, tick_id bigint, tick_time_us bigint, tick_event_seq bigint,
         tick_snapshot_md5 text) on t.queue = s.queue`,
    [
      shard,
      JSON.stringify(
        sources.map(({ queue, centralQueue, routes, tick }) => ({
          queue,
          central_queue: centralQueue,
          ...(routes === undefined ? {} : { routes }),
          tick_id: tick.id,
          tick_time_us: tick.timeUs,
          tick_event_seq: tick.eventSeq,
          tick_snapshot_md5: tick.md5,
        })),
      ),
    ],
  );
}
