// Looks for an event on its shard. Never throws: a shard that does not answer must not hide what central knows.
import type { Shard } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Connection } from '../../postgres/connection.ts';
import { resolveQueues } from '../../shards/queue-on-shard.ts';
import { type EventLook, findEvent, lookSettings } from './find-event.ts';

export type EventOnShard =
  | { readonly kind: 'seen'; readonly look: EventLook }
  /** It could not be asked, and why, in a sentence. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface ShardLookOptions {
  readonly queue: string;
  readonly id: number;
  readonly withData: boolean;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
}

const QUERY_CANCELLED = '57014';

export async function lookOnShard(
  shard: Shard,
  { queue, id, withData, applicationName }: ShardLookOptions,
): Promise<EventOnShard> {
  const timeoutMs = TIMING.reports.askShardMs;
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(shard, { applicationName, connectTimeoutMs: timeoutMs });
    const { schema } = shard;
    const found = (await resolveQueues(connection, schema, [queue], { timeoutMs })).get(queue);
    await connection.script(`begin isolation level read committed read only; ${lookSettings(timeoutMs)}`, {
      timeoutMs,
    });
    const look =
      found === undefined
        ? undefined
        : await findEvent(connection, { schema, queue: found, id, withData, timeoutMs });
    await connection.script('commit', { timeoutMs });
    if (look !== undefined) return { kind: 'seen', look };
    return { kind: 'failed', reason: `Queue ${queue} does not exist on shard ${shard.name}.` };
  } catch (error) {
    const label = `Shard ${shard.name}`;
    const reason =
      sqlstateOf(error) === QUERY_CANCELLED
        ? `${label} did not find it within ${timeoutMs / 1000} s.`
        : sentenceFor(error, label);
    return { kind: 'failed', reason };
  } finally {
    void connection?.close();
  }
}
