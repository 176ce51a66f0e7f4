// What central knows of an event: its row, its handling, and what was sent on for it; and the trace that comes of it.
import type { Config } from '../../config/config.ts';
import { redact } from '../../config/redaction.ts';
import { workName } from '../../config/worked.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { groupName } from '../../queue/names.ts';
import type { QueueOnShard } from '../../shards/queue-on-shard.ts';
import type { LagReport } from '../lag/report.ts';
import { overGroups, retryOf, type SeenByGroup } from './by-group.ts';
import { judgeDelayed } from './delayed.ts';
import { type EventLook, type FoundEvent, findEvent } from './find-event.ts';
import { type HandlingFacts, readHandling } from './handled.ts';
import { judgeOnCentral, type Verdict } from './judge.ts';
import { originColumn, originOf, readSent } from './sent.ts';
import type {
  SentOn,
  Trace,
  TracedGroup,
  TracedMove,
  TracedOnCentral,
  TracedOnShard,
  TracedPayload,
} from './shape.ts';

/** How far what was sent on is followed, and how many events of it are shown. */
const DEEPEST = 5;
const MOST_SENT = 50;

export interface Circumstances {
  readonly config: Config;
  /** The central queues that exist. */
  readonly queues: ReadonlyMap<string, QueueOnShard>;
  readonly report: LagReport;
  readonly withData: boolean;
}

/** What is known of an event on central. */
interface SeenOnCentral extends Verdict {
  /** Empty: the queue has one, without a name. */
  readonly groups: readonly TracedGroup[];
  readonly event: FoundEvent | undefined;
  readonly handling: HandlingFacts;
  readonly origin: string | null;
  readonly sent: readonly SentOn[];
}

interface Located {
  readonly queue: string;
  readonly id: number;
  /** Where it is known without the event's row. */
  readonly origin?: string | undefined;
}

interface Arrived {
  readonly seen: SeenOnCentral;
  readonly queue: string;
  readonly move?: TracedMove | null;
  readonly onShard?: TracedOnShard | null;
  readonly shardEvent?: FoundEvent | undefined;
  readonly notes?: readonly string[];
}

export class CentralTracer {
  readonly connection: Connection;
  readonly its: Circumstances;
  #sent = 0;

  constructor(connection: Connection, circumstances: Circumstances) {
    this.connection = connection;
    this.its = circumstances;
  }

  async find(name: string, id: number): Promise<EventLook | undefined> {
    const queue = this.its.queues.get(name);
    if (queue === undefined) return undefined;
    const { withData } = this.its;
    const timeoutMs = TIMING.reports.centralMs;
    return await findEvent(this.connection, { schema: 'pgq', queue, id, withData, timeoutMs });
  }

  async look({ queue: name, id, origin: known }: Located, depth = 0): Promise<SeenOnCentral> {
    const { config, report } = this.its;
    const event = (await this.find(name, id))?.event;
    const column = originColumn(config, name);
    const text = event === undefined || column === undefined ? null : event.payload[column];
    const origin = event === undefined ? (known ?? null) : originOf(name, { id, text });
    const parts = config.queues.find((queue) => queue.name === name)?.groups?.map((group) => group.name);
    const seen: SeenByGroup[] = [];
    for (const group of parts ?? [undefined]) {
      const work = workName(name, group);
      const handling = await readHandling(this.connection, {
        ...{ queue: name, id, origin: origin ?? undefined, work, part: group },
        group: groupName(config, group),
        seenBy: event?.seenBy?.id,
        txid: event?.txid,
      });
      const lag = report.central.find((one) => one.queue === work);
      seen.push({ group, handling, ...judgeOnCentral({ queue: name, work, id, event, handling, lag }) });
    }
    const all = overGroups(seen);
    const sent = origin === null || depth >= DEEPEST ? [] : await this.#sentFor(origin, all.handling, depth);
    return { ...all, event, origin, sent };
  }

  async #sentFor(origin: string, { tries }: HandlingFacts, depth: number): Promise<SentOn[]> {
    const { config, queues } = this.its;
    const transactions = tries
      .filter(({ became }) => became === 'done')
      .map(({ transaction }) => transaction);
    const most = MOST_SENT - this.#sent;
    const rows = await readSent(this.connection, { config, queues, transactions, origin, most });
    this.#sent += rows.length;
    const all: SentOn[] = [];
    for (const { delayed, ...row } of rows) {
      if (delayed !== undefined) {
        const now = this.its.report.at.toISOString();
        all.push({ ...row, ...judgeDelayed(delayed, { queue: row.queue, now }), sent: [] });
        continue;
      }
      const { state, summary, sent } = await this.look(row, depth + 1);
      all.push({ ...row, state, summary, sent });
    }
    return all;
  }

  /** The trace of an event that central knows. */
  trace({ seen, queue, move = null, onShard = null, notes = [], shardEvent }: Arrived): Trace {
    const { event, groups, handling, origin, sent, state, summary } = seen;
    const { dead, isUnsure, tries } = handling;
    return {
      ...{ origin, state, summary },
      ...(groups.length > 0 && { groups }),
      shard: onShard,
      move,
      central: event === undefined ? null : { ...inQueue(event, queue), retry: event.retry },
      tries,
      retry: retryOf(handling),
      dead: dead ?? null,
      sent,
      payload: this.payload([queue], event ?? shardEvent, { isOnShard: event === undefined }),
      notes: [
        ...notes,
        ...(isUnsure
          ? ['Too many events failed in the same transaction to note each; whether it did is not known.']
          : []),
        ...(this.#sent >= MOST_SENT
          ? [`More than ${MOST_SENT} events were sent on; only the first are shown.`]
          : []),
      ],
    };
  }

  /**
   * On its shard an event may have other columns than the file's paths mean: then nothing of it is shown.
   * @param queues where it is, or may come to: what is redacted in one of them is not shown.
   */
  payload(
    queues: readonly string[],
    event: FoundEvent | undefined,
    { isOnShard }: { readonly isOnShard: boolean },
  ): TracedPayload | null {
    const { config, withData } = this.its;
    if (!withData || event === undefined) return null;
    const isMapped = config.queues.some(
      ({ name, columns = {}, redact: paths }) =>
        queues.includes(name) && paths !== undefined && Object.keys(columns).length > 0,
    );
    if (isOnShard && isMapped) return null;
    return queues.reduce((shown, queue) => redact(config, queue, shown), event.payload);
  }
}

/** Of an event in a queue, wherever that is. */
export function inQueue(
  { id, type, time, txid, notSeenBy, seenBy }: FoundEvent,
  queue: string,
): Omit<TracedOnCentral, 'retry'> {
  return {
    ...{ queue, id, type, time, transaction: txid },
    notSeenBy: notSeenBy === undefined ? null : { id: notSeenBy.id, at: notSeenBy.at },
    seenBy: seenBy ?? null,
  };
}
