// Traces one event: from its shard over the commit that moved it to the workers that handled it, and what they sent on.
//
// Fails by: a shard that does not answer is a note; central that does not is an error.
import type { CentralLink } from '../../central/central-link.ts';
import type { Config } from '../../config/config.ts';
import { sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { resolveQueues } from '../../shards/queue-on-shard.ts';
import { asOutdated } from '../lag/read-central.ts';
import type { LagReport } from '../lag/report.ts';
import { CentralTracer } from './central-trace.ts';
import { lookSettings } from './find-event.ts';
import { referenceOf } from './reference.ts';
import type { Trace } from './shape.ts';
import { traceFromShard } from './shard-trace.ts';

export interface TraceOptions {
  readonly config: Config;
  readonly central: Pick<CentralLink, 'use'>;
  /** What `lag` says now: why sources and queues stand still. */
  report(): Promise<LagReport>;
  /** The central queue of an id; undefined: the text is an origin. */
  readonly queue?: string | undefined;
  /** Shows what the event holds, redacted as the file says. */
  readonly withData?: boolean;
}

const QUERY_CANCELLED = '57014';

/** @throws misconfigured where the text names no event or a shard that is not known; TributaryError where central cannot be asked. */
export async function traceOf(text: string, options: TraceOptions): Promise<Trace> {
  const { central, config, withData = false } = options;
  const reference = referenceOf(text, config, options.queue);
  const report = await options.report();
  return await looking(central, async (connection) => {
    const names = config.queues.map(({ name }) => name);
    const queues = await resolveQueues(connection, 'pgq', names);
    const tracer = new CentralTracer(connection, { config, queues, report, withData });
    if (reference.kind === 'shard') return await traceFromShard(tracer, reference);
    return tracer.trace({ seen: await tracer.look(reference), queue: reference.queue });
  });
}

/** Reads only, each statement within a limit. */
export async function looking<T>(
  central: Pick<CentralLink, 'use'>,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const timeoutMs = TIMING.reports.centralMs;
  return await central.use(async (connection) => {
    await connection.script(`begin isolation level read committed read only; ${lookSettings(timeoutMs)}`);
    try {
      return await work(connection);
    } catch (error) {
      if (sqlstateOf(error) !== QUERY_CANCELLED) throw asOutdated(error);
      throw new TributaryError(`Central did not find the event within ${timeoutMs / 1000} s.`, {
        code: 'timeout',
        kind: 'retryable',
      });
    } finally {
      if (!connection.failed) await connection.script('rollback').catch(() => {});
    }
  });
}
