// Steps that create a queue, set its ticker's parameters, and register a consumer at the right tick; for shards and central.
import { literal } from '../../postgres/quote.ts';
import { registerConsumerAtSql } from '../../queue/consumers.ts';
import type { PgqSchema } from '../../queue/provider.ts';
import { createQueueSql, setQueueConfigSql } from '../../queue/queues.ts';
import type { QueueFact } from '../facts/queues.ts';
import type { Step } from './steps.ts';

export function createQueueStep(queue: string, schema: PgqSchema): Step {
  return { what: `create queue ${queue}`, sql: createQueueSql(queue, { schema }) };
}

/**
 * Steps for a queue that we tick. We decide when to tick: with PgQ's own threshold a server clock that steps back would stop
 * ticks until it has caught up. And PgQ's ticker cannot see the first number of a fresh sequence.
 */
export function tickingSteps(queue: string, fact: QueueFact | undefined, schema: PgqSchema): Step[] {
  const steps: Step[] = [];
  if (fact?.tickerMaxCount !== 1) {
    steps.push({
      what: `tick queue ${queue} whenever it is due`,
      sql: setQueueConfigSql(queue, 'ticker_max_count', { value: '1', schema }),
    });
  }
  steps.push({
    what: `let the first event of queue ${queue} be noticed`,
    sql: `select nextval(queue_event_seq::regclass) from ${schema}.queue where queue_name = ${literal(queue)} and pg_sequence_last_value(queue_event_seq::regclass) is null`,
    isRoutine: true,
  });
  return steps;
}

/** Steps that make a tick now, under the lock that all of our tickers take. */
export function freshTickSteps(queue: string, schema: PgqSchema): Step[] {
  const where = `from ${schema}.queue where queue_name = ${literal(queue)}`;
  return [
    {
      what: `make a fresh tick in queue ${queue}`,
      // Lock, sequence and tick are statements of their own, so that each sees the effects of the one before.
      sql: [
        `select ${where} for no key update`,
        `select nextval(queue_event_seq::regclass) ${where}`,
        `select ${schema}.ticker(${literal(queue)})`,
      ].join(';\n'),
    },
  ];
}

export interface RegisterOptions {
  readonly schema: PgqSchema;
  /** The tick to register at, in words and as an SQL expression; -1 never exists, and PgQ refuses it. */
  readonly at: TickChoice;
  /** Also moves a registration that is there already; else it is left alone. */
  readonly moves: boolean;
}

export interface TickChoice {
  readonly words: string;
  readonly sql: string;
}

/** Registers a consumer at a tick that rotation cannot remove meanwhile. */
export function registerStep(queue: string, consumer: string, { schema, at, moves }: RegisterOptions): Step {
  const call = registerConsumerAtSql(queue, consumer, { tickSql: at.sql, schema });
  return {
    what: `register consumer ${consumer} on queue ${queue} at ${at.words}`,
    sql: [
      `select from ${schema}.queue where queue_name = ${literal(queue)} for key share`,
      moves ? call : `${call}\nwhere not exists (select ${subscriptionSql(queue, consumer, schema)})`,
    ].join(';\n'),
  };
}

export const oldestTick = (queue: string, schema: PgqSchema): TickChoice => ({
  words: 'its oldest tick',
  sql: tickSql('min', queue, schema),
});

export const newestTick = (queue: string, schema: PgqSchema): TickChoice => ({
  words: 'its newest tick',
  sql: tickSql('max', queue, schema),
});

export const tickOf = (queue: string, consumer: string, schema: PgqSchema): TickChoice => ({
  words: `the tick of consumer ${consumer}`,
  sql: `coalesce((select s.sub_last_tick ${subscriptionSql(queue, consumer, schema)}), -1)`,
});

/** The tick of a registration; null where that tick is gone. */
export interface RegistrationTick {
  readonly queue: string;
  readonly tick_id: number;
  readonly tick_time_us: number | null;
  readonly tick_event_seq: number | null;
  readonly tick_snapshot_md5: string | null;
}

/** One `Fingerprint` per registration that exists. */
export function fingerprintsSql(queues: readonly string[], consumer: string, schema: PgqSchema): string {
  return `select q.queue_name as queue, s.sub_last_tick as tick_id,
    (extract(epoch from t.tick_time) * 1000000)::bigint as tick_time_us, t.tick_event_seq,
    md5(t.tick_snapshot::text) as tick_snapshot_md5
from ${schema}.subscription s
join ${schema}.queue q on q.queue_id = s.sub_queue
join ${schema}.consumer c on c.co_id = s.sub_consumer
left join ${schema}.tick t on t.tick_queue = s.sub_queue and t.tick_id = s.sub_last_tick
where c.co_name = ${literal(consumer)} and q.queue_name in (${queues.map(literal).join(', ')})`;
}

const tickSql = (choose: 'min' | 'max', queue: string, schema: PgqSchema): string =>
  `(select coalesce(${choose}(t.tick_id), -1) from ${schema}.tick t join ${schema}.queue q on q.queue_id = t.tick_queue where q.queue_name = ${literal(queue)})`;

const subscriptionSql = (queue: string, consumer: string, schema: PgqSchema): string =>
  `from ${schema}.subscription s join ${schema}.queue q on q.queue_id = s.sub_queue join ${schema}.consumer c on c.co_id = s.sub_consumer where q.queue_name = ${literal(queue)} and c.co_name = ${literal(consumer)}`;
