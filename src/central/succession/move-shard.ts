// Notes on central that a shard is on another server from now on, in one transaction with its note in the logbook.
import type { CentralLink } from '../central-link.ts';
import { type Note, noted, type Operator } from '../logbook/note.ts';
import type { Fingerprint } from '../position.ts';

/** A source as it was looked at. */
export interface MovedSource {
  readonly id: number;
  /** Number of its newest position. */
  readonly n: number;
  /** The tick that it goes on behind, where that is not the one of the position. */
  readonly tick: Fingerprint | undefined;
}

export interface ShardMove {
  readonly shard: string;
  /** Identities of the databases: the one that is noted, and the new one. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly sources: readonly MovedSource[];
  readonly note: Note;
}

/** @throws SQLSTATE TB010 where a source was moved on since it was looked at, or another command was faster. */
export async function moveShard(
  link: Pick<CentralLink, 'use'>,
  { shard, from, to, sources, note }: ShardMove,
  operator: Operator,
): Promise<void> {
  await noted(link, operator, async (central) => {
    const positions = sources.map(({ id, n, tick }) => ({
      source: id,
      n,
      tick_id: tick?.id ?? null,
      tick_time_us: tick?.timeUs ?? null,
      tick_event_seq: tick?.eventSeq ?? null,
      tick_snapshot_md5: tick?.md5 ?? null,
    }));
    await central.query('select tributary.move_shard($1, $2, $3, $4)', [
      ...[shard, from ?? null, to ?? null],
      JSON.stringify(positions),
    ]);
    return { result: undefined, note };
  });
}

/** The ticks up to which a source was moved without an event behind them, the newest first: any of them means the same. */
export async function readSameTicks(
  link: Pick<CentralLink, 'query'>,
  source: number,
): Promise<Fingerprint[]> {
  const rows = await link.query<{ id: number; time_us: number; event_seq: number; md5: string }>(
    `select p.tick_id as id, p.tick_time_us as time_us, p.tick_event_seq as event_seq, p.tick_snapshot_md5 as md5
     from tributary.position p
     where p.source = $1 and p.end_tick_id is null
       and p.moved = (select o.moved from tributary.position o where o.source = $1 order by o.n desc limit 1)
     order by p.n desc limit 10000`,
    [source],
  );
  return rows.map(({ id, time_us, event_seq, md5 }) => ({ id, timeUs: time_us, eventSeq: event_seq, md5 }));
}
