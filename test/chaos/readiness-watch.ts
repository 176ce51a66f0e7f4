// Polls `/readyz` of all hosts while they are struck, and learns from the databases alone whether events get on.
//
// What counts as broken: events of a shard wait and its position stands still, or the shard or central cannot be asked. The
// position is what a commit of central says, not what a mover reports. A ready host must not have such a shard at home for
// longer than three seconds, and a host must not be unready for longer than ten while all gets on. A mover that has just taken a
// shard over says so before its first commit: a ready host is right as well where events get on at once after its answer.
import type { Connection } from '../../src/postgres/connection.ts';
import type { TestDatabase } from '../support/server/database.ts';

export interface WatchedHost {
  readonly name: string;
  /** Names of the shards at home there. */
  readonly shards: readonly string[];
  /** Where it serves now; undefined: it is not there. */
  url(): string | undefined;
}

export interface WatchOptions {
  readonly central: TestDatabase;
  /** By name. */
  readonly shards: ReadonlyMap<string, TestDatabase>;
  readonly hosts: readonly WatchedHost[];
}

const EVERY_MS = 200;
const GREEN_MS = 3_000;
const RED_MS = 10_000;
/** What the looks themselves take on a busy machine. */
const SLACK_MS = 1_500;
const ANSWER_MS = 5_000;

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

interface Red {
  readonly sinceMs: number;
  readonly url: string;
}

export class ReadinessWatch {
  /** What was not as it should be, in sentences. */
  readonly faults: string[] = [];
  /** Answers by status: a watch that saw nothing proves nothing. */
  readonly answers = new Map<number, number>();
  readonly #options: WatchOptions;
  readonly #moves: ReadonlyMap<string, Progress>;
  readonly #handles = new Progress();
  readonly #reds = new Map<string, Red>();
  readonly #last = new Map<string, number | undefined>();
  readonly #stopped = new AbortController();
  readonly #loops: Promise<void>[];

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#moves = new Map([...options.shards.keys()].map((name) => [name, new Progress()]));
    this.#loops = [
      ...[...options.shards].map(([name, shard]) => this.#every(this.#shardLook(name, shard))),
      this.#every(this.#handledLook()),
      ...options.hosts.map((host) => this.#every(() => this.#ask(host))),
    ];
  }

  /** All hosts have said last that they are ready. */
  get isAllReady(): boolean {
    return this.#options.hosts.every(({ name }) => this.#last.get(name) === 200);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
    await new Promise((resolve) => setTimeout(resolve, SLACK_MS));
  }

  async #every(look: () => Promise<void>): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  /** Whether the shard's position has moved, or nothing waits behind it. */
  #shardLook(name: string, shard: TestDatabase): () => Promise<void> {
    const ofCentral = new Asked(this.#options.central);
    const ofShard = new Asked(shard);
    let last = -1;
    return async () => {
      const [position] =
        (await ofCentral.ask<{ n: number; tick: number }>(
          `select p.n, p.tick_id as tick from tributary.position p join tributary.source s on s.id = p.source
            where s.shard = $1 order by p.n desc limit 1`,
          [name],
        )) ?? [];
      const [waiting] =
        (await ofShard.ask<{ is_waiting: boolean }>(
          `select exists (select from pgq.event_1 e where e.ev_txid >= txid_snapshot_xmin(t.tick_snapshot)
              and not txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot)) as is_waiting
            from pgq.tick t where t.tick_queue = 1 and t.tick_id = $1`,
          [position?.tick ?? 0],
        )) ?? [];
      const isAsked = position !== undefined && waiting !== undefined;
      const hasMoved = position !== undefined && position.n !== last;
      last = position?.n ?? last;
      this.#moves.get(name)?.seen(isAsked && (hasMoved || !waiting.is_waiting));
    };
  }

  /** Whether workers have handled something, or nothing is left. */
  #handledLook(): () => Promise<void> {
    const ofCentral = new Asked(this.#options.central);
    let last = -1;
    return async () => {
      const [counts] =
        (await ofCentral.ask<{ moved: number; handled: number }>(
          'select (select count(*) from pgq.event_1) as moved, (select count(*) from handled) as handled',
          [],
        )) ?? [];
      const hasHandled = counts !== undefined && counts.handled !== last;
      last = counts?.handled ?? last;
      this.#handles.seen(counts !== undefined && (hasHandled || counts.handled >= counts.moved));
    };
  }

  async #ask(host: WatchedHost): Promise<void> {
    const url = host.url();
    const beganMs = performance.now();
    const answer = url === undefined ? undefined : await readyz(url);
    this.#last.set(host.name, answer?.status);
    if (url === undefined || answer === undefined) {
      this.#reds.delete(host.name);
      return;
    }
    this.answers.set(answer.status, (this.answers.get(answer.status) ?? 0) + 1);
    if (answer.status === 200) {
      this.#reds.delete(host.name);
      this.#judgeGreen(host, beganMs);
    } else this.#judgeRed(host, { url, text: answer.text, beganMs });
  }

  #judgeGreen({ name, shards }: WatchedHost, beganMs: number): void {
    for (const shard of shards) {
      const moves = this.#moves.get(shard) as Progress;
      const stillMs = beganMs - moves.wellMs;
      if (stillMs <= GREEN_MS + SLACK_MS) continue;
      const fault = `${name} was ready while ${shard} had stood still for ${Math.round(stillMs)} ms`;
      setTimeout(() => {
        if (moves.wellMs < beganMs) this.faults.push(`${fault}, and did for ${SLACK_MS} ms more`);
      }, SLACK_MS);
    }
  }

  #judgeRed(
    { name, shards }: WatchedHost,
    { url, text, beganMs }: { readonly url: string; readonly text: string; readonly beganMs: number },
  ): void {
    const before = this.#reds.get(name);
    const red = before?.url === url ? before : { sinceMs: beganMs, url };
    this.#reds.set(name, red);
    const needed = [...shards.map((shard) => this.#moves.get(shard)), this.#handles];
    const sinceMs = needed.reduce((latest, one) => Math.max(latest, one?.illMs ?? 0), red.sinceMs);
    const longMs = beganMs - sinceMs;
    if (longMs <= RED_MS + SLACK_MS) return;
    this.faults.push(`${name} was not ready for ${Math.round(longMs)} ms while all got on: ${text}`);
    // Said once, and again where it lasts.
    this.#reds.set(name, { sinceMs: beganMs, url });
  }
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
async function readyz(url: string): Promise<{ status: number; text: string } | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}
