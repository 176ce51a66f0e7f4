// Polls `/readyz` of all hosts while they are struck, and learns from the databases alone whether events get on.
//
// What counts as broken: events of a source wait and its position stands still, or the shard or central cannot be asked. The
// position is what a commit of central says, not what a mover reports. A host must not be ready for longer than three seconds
// while such a source is at home there, and not unready for longer than ten while all gets on.
//
// Between a break and the answer lie the waits of three processes: a mover looks, central stores, the host that is asked reads.
// A machine that is busy delays each of them as it delays us; so what is allowed grows by that, as it was measured just before,
// and by nothing else.
import type { Connection } from '../../src/postgres/connection.ts';
import { literal } from '../../src/postgres/quote.ts';
import type { TestDatabase } from '../support/server/database.ts';

export interface WatchedHost {
  readonly name: string;
  /** Names of the shards at home there. */
  readonly shards: readonly string[];
  /** Where it serves now; undefined: it is not there. */
  readonly url: string | undefined;
}

export interface WatchOptions {
  readonly central: TestDatabase;
  /** By name. */
  readonly shards: ReadonlyMap<string, TestDatabase>;
  /** Those that there are now. */
  hosts(): readonly WatchedHost[];
  /** Two numbers from central: what was to be handled so far, and what was; default: only moving is watched. */
  readonly handledSql?: string;
  /** Something else that every host answers for, by name: whether it is as it should be now. */
  readonly looks?: Readonly<Record<string, (central: TestDatabase) => Promise<boolean>>>;
}

const EVERY_MS = 200;
const GREEN_MS = 3_000;
const RED_MS = 10_000;
const WAITS = 3;
const ANSWER_MS = 5_000;
/** How long a delay of the machine counts. */
const LATELY_MS = 10_000;

/** Something that should get on. */
class Progress {
  #wellMs = performance.now();
  #illMs = performance.now();

  seen(isWell: boolean): void {
    if (isWell) this.#wellMs = performance.now();
    else this.#illMs = performance.now();
  }

  /** When it last got on. */
  get wellMs(): number {
    return this.#wellMs;
  }

  /** When it last did not. */
  get illMs(): number {
    return this.#illMs;
  }
}

/** How long this machine lately took for what takes no time. */
class Slowness {
  #seen: { readonly atMs: number; readonly ms: number }[] = [];
  longestMs = 0;

  note(ms: number): void {
    const nowMs = performance.now();
    this.#seen = [...this.#seen.filter(({ atMs }) => nowMs - atMs < LATELY_MS), { atMs: nowMs, ms }];
    this.longestMs = Math.max(this.longestMs, ms);
  }

  get allowedMs(): number {
    return WAITS * Math.max(0, ...this.#seen.map(({ ms }) => ms));
  }
}

/** Answers of one host in a row with the same status. */
interface Row {
  readonly status: number;
  readonly sinceMs: number;
  readonly url: string;
  /** What it said first. */
  readonly text: string;
}

export class ReadinessWatch {
  /** What was not as it should be, in sentences. */
  readonly faults: string[] = [];
  /** Answers by status: a watch that saw nothing proves nothing. */
  readonly answers = new Map<number, number>();
  readonly slowness = new Slowness();
  readonly #options: WatchOptions;
  /** By shard, then by queue. */
  readonly #moves = new Map<string, Map<string, Progress>>();
  readonly #handles = new Progress();
  readonly #others = new Map<string, Progress>();
  readonly #rows = new Map<string, Row>();
  readonly #asking = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();
  readonly #loops: Promise<void>[];

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#loops = [
      ...[...options.shards].map(([name, shard]) => this.#every(this.#shardLook(name, shard))),
      ...(options.handledSql === undefined ? [] : [this.#every(this.#handledLook(options.handledSql))]),
      ...Object.entries(options.looks ?? {}).map(([name, look]) => this.#every(this.#otherLook(name, look))),
      this.#every(async () => this.#askAll()),
    ];
  }

  /** All hosts have said last that they are ready. */
  get isAllReady(): boolean {
    return this.#options.hosts().every(({ name }) => this.#rows.get(name)?.status === 200);
  }

  /** What those say that are not ready. */
  get unready(): string {
    const rows = this.#options.hosts().map(({ name }) => ({ name, row: this.#rows.get(name) }));
    const some = rows.filter(({ row }) => row?.status !== 200);
    return some.map(({ name, row }) => `${name}: ${row?.text ?? 'no answer'}`).join('; ');
  }

  /** In a sentence, for the log. */
  get summary(): string {
    const answers = [...this.answers].map(([status, count]) => `${count} times ${status}`).join(', ');
    return `/readyz answered ${answers}; the machine was late by ${Math.round(this.slowness.longestMs)} ms at most`;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all([...this.#loops, ...this.#asking.values()]);
  }

  async #every(look: () => Promise<void>): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await look();
      const dueMs = performance.now() + EVERY_MS;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      this.slowness.note(performance.now() - dueMs);
    }
  }

  /** Whether the positions of the shard's sources have moved, or nothing waits behind them. */
  #shardLook(name: string, shard: TestDatabase): () => Promise<void> {
    const ofCentral = new Asked(this.#options.central);
    const ofShard = new Asked(shard);
    const all = new Map<string, Progress>();
    this.#moves.set(name, all);
    const last = new Map<string, number>();
    return async () => {
      const positions = await ofCentral.ask<{ queue: string; n: number; tick: number }>(
        `select s.queue, p.n, p.tick_id as tick from tributary.source s
          cross join lateral (
            select p.n, p.tick_id from tributary.position p where p.source = s.id order by p.n desc limit 1) p
          where s.shard = $1`,
        [name],
      );
      const waiting = positions === undefined ? undefined : await waitingOn(ofShard, positions);
      for (const { queue, n } of positions ?? []) {
        const isWaiting = waiting?.get(queue);
        const hasMoved = last.get(queue) !== n;
        last.set(queue, n);
        const progress = all.get(queue) ?? new Progress();
        all.set(queue, progress);
        progress.seen(isWaiting !== undefined && (hasMoved || !isWaiting));
      }
      if (positions === undefined) for (const progress of all.values()) progress.seen(false);
    };
  }

  /** Whether workers have handled something, or nothing is left. */
  #handledLook(sql: string): () => Promise<void> {
    const ofCentral = new Asked(this.#options.central);
    let last = -1;
    return async () => {
      const [counts] = (await ofCentral.ask<{ wanted: number; handled: number }>(sql, [])) ?? [];
      const hasHandled = counts !== undefined && counts.handled !== last;
      last = counts?.handled ?? last;
      this.#handles.seen(counts !== undefined && (hasHandled || counts.handled >= counts.wanted));
    };
  }

  #otherLook(name: string, look: (central: TestDatabase) => Promise<boolean>): () => Promise<void> {
    const progress = new Progress();
    this.#others.set(name, progress);
    return async () => progress.seen(await look(this.#options.central).catch(() => false));
  }

  #askAll(): void {
    for (const host of this.#options.hosts()) {
      if (this.#asking.has(host.name)) continue;
      const asking = this.#ask(host).finally(() => this.#asking.delete(host.name));
      this.#asking.set(host.name, asking);
    }
  }

  async #ask({ name, shards, url }: WatchedHost): Promise<void> {
    // It asks no database: it takes as long as the process is kept waiting for the machine.
    const alive = url === undefined ? undefined : await answerOf(`${url}/livez`);
    const beganMs = performance.now();
    const answer = alive === undefined ? undefined : await answerOf(`${url}/readyz`);
    if (url === undefined || alive === undefined || answer === undefined) {
      this.#rows.delete(name);
      return;
    }
    this.slowness.note(alive.ms);
    const { status, text } = answer;
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
    const before = this.#rows.get(name);
    const row =
      before?.status === status && before.url === url ? before : { status, sinceMs: beganMs, url, text };
    this.#rows.set(name, row);
    const sources = [
      ...shards.flatMap((shard) =>
        [...(this.#moves.get(shard) ?? [])].map(([queue, progress]) => ({
          name: `${shard}:${queue}`,
          progress,
        })),
      ),
      ...[...this.#others].map(([look, progress]) => ({ name: look, progress })),
    ];
    if (status === 200) this.#judgeGreen(name, row, { beganMs, sources });
    else this.#judgeRed(name, row, { beganMs, sources, text });
  }

  #judgeGreen(host: string, { sinceMs }: Row, { beganMs, sources }: Judged): void {
    for (const { name, progress } of sources) {
      const longMs = beganMs - Math.max(progress.wellMs, sinceMs);
      const { allowedMs } = this.slowness;
      if (longMs > GREEN_MS + allowedMs)
        this.faults.push(
          `${host} was ready for ${Math.round(longMs)} ms while ${name} stood still (${Math.round(allowedMs)} ms are the machine's)`,
        );
    }
  }

  #judgeRed(host: string, row: Row, { beganMs, sources, text }: Judged & { readonly text: string }): void {
    const needed = [...sources.map(({ progress }) => progress), this.#handles];
    const sinceMs = needed.reduce((latest, { illMs }) => Math.max(latest, illMs), row.sinceMs);
    const longMs = beganMs - sinceMs;
    const { allowedMs } = this.slowness;
    if (longMs <= RED_MS + allowedMs) return;
    this.faults.push(
      `${host} was not ready for ${Math.round(longMs)} ms while all got on (${Math.round(allowedMs)} ms are the machine's): ${text}`,
    );
    // Said once, and again where it lasts.
    this.#rows.set(host, { ...row, sinceMs: beganMs });
  }
}

interface Judged {
  readonly beganMs: number;
  readonly sources: readonly { readonly name: string; readonly progress: Progress }[];
}

/** Whether events wait behind these positions, by queue; undefined: the shard does not say. */
async function waitingOn(
  shard: Asked,
  positions: readonly { readonly queue: string; readonly tick: number }[],
): Promise<ReadonlyMap<string, boolean> | undefined> {
  const queues = await shard.ask<{ id: number; name: string; events: string }>(
    'select queue_id as id, queue_name as name, queue_data_pfx as events from pgq.queue',
    [],
  );
  const looks = positions.flatMap(({ queue, tick }) => {
    const found = queues?.find(({ name }) => name === queue);
    if (found === undefined) return [];
    return [
      `select ${literal(queue)} as queue, exists (
         select from ${found.events} e where e.ev_txid >= txid_snapshot_xmin(t.tick_snapshot)
           and not txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot)) as is_waiting
       from pgq.tick t where t.tick_queue = ${found.id} and t.tick_id = ${tick}`,
    ];
  });
  if (looks.length === 0) return undefined;
  const rows = await shard.ask<{ queue: string; is_waiting: boolean }>(looks.join(' union all '), []);
  return rows === undefined ? undefined : new Map(rows.map((row) => [row.queue, row.is_waiting]));
}

/** A database that may be away. */
class Asked {
  readonly #database: TestDatabase;
  #connection: Connection | undefined;

  constructor(database: TestDatabase) {
    this.#database = database;
  }

  async ask<R>(text: string, values: readonly unknown[]): Promise<R[] | undefined> {
    try {
      this.#connection ??= await this.#database.connect();
      return await this.#connection.query<R>(text, values, { timeoutMs: ANSWER_MS });
    } catch {
      this.#connection?.destroy();
      this.#connection = undefined;
      return undefined;
    }
  }
}

/** Undefined: nobody answers there. */
async function answerOf(
  url: string,
): Promise<{ readonly status: number; readonly text: string; readonly ms: number } | undefined> {
  const beganMs = performance.now();
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await response.text();
    return { status: response.status, text, ms: performance.now() - beganMs };
  } catch {
    return undefined;
  }
}
