// Delivers what is in a spool to its shard, until it is stopped: of each writer in order, each record in one transaction with the
// place that it leads to.
//
// Invariant: the shard's place decides what is delivered. A segment is deleted only when the shard has all of it, and the folder
// remembers that on its disk.
// Fails by: a shard that cannot be reached: tried again. A record that the shard refuses, such as one for a queue that is not there:
// what is in front of it is delivered, and its writer waits there. A shard that knows less than was delivered to it: an operator
// decides.
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isOurs } from '../errors/tributary-error.ts';
import { counted } from '../errors/words.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import type { Connection } from '../postgres/connection.ts';
import { DeliveredPlaces } from './delivered.ts';
import { isNoSpace, type Segment, segmentsByWriter } from './folder.ts';
import { spoolDiverged } from './mistakes.ts';
import { damageSentence, gapSentence, othersSentence } from './notices.ts';
import { forgetPlaces, hasBulk, placesOf, setPlace } from './place.ts';
import { openWithPlaces, type SpoolShard } from './prepare-shard.ts';
import { deliverUpToRefused, newTries, type Tries, type WaitingWriter } from './up-to-refused.ts';
import { type Cursor, readOn } from './writer-log.ts';

/** What became of something, for the log. */
export type SpoolOccurrence =
  | { readonly kind: 'delivered'; readonly events: number; readonly writer: string }
  | { readonly kind: 'connected' }
  | { readonly kind: 'trouble'; readonly error: unknown; readonly waiting?: WaitingWriter }
  | { readonly kind: 'noticed'; readonly sentence: string };

export interface SpoolerOptions {
  readonly folder: string;
  /** The name of the spool. */
  readonly spool: string;
  readonly shard: SpoolShard;
  /** What to do where the shard knows less than was delivered: deliver again what is left, or go on behind it. */
  readonly choice?: 'rewind' | 'skip' | undefined;
  /** Queues whose events go into files where the shard refuses them, so that their writers go on. */
  readonly setAside?: readonly string[];
  /** Ends once all that is there has been delivered, or waits for what the shard refuses. */
  readonly isOnce?: boolean;
  readonly onOccurrence: (occurrence: SpoolOccurrence) => void;
}

/** Of one transaction. */
const AT_ONCE = { events: 1_000, bytes: 4 * 1024 * 1024 };

interface Log {
  cursor: Cursor;
  /** Since when its last segment has not grown, by the monotonic clock, and its size then. */
  idle: { readonly sinceMs: number; readonly bytes: number };
  readonly tries: Tries;
}

export class Spooler {
  readonly #options: SpoolerOptions;
  readonly #delivered: DeliveredPlaces;
  readonly #logs = new Map<string, Log>();
  #connection: Connection | undefined;
  #isBulk = false;
  #choice: SpoolerOptions['choice'];
  /** A commit whose answer did not come: the shard may be ahead of what we know. */
  #isUnsure = true;
  readonly #damaged = new Set<string>();
  #turns = 0;

  constructor(options: SpoolerOptions) {
    this.#options = options;
    this.#choice = options.choice;
    this.#delivered = new DeliveredPlaces(options.folder);
  }

  /** Counts turns, and writers within a turn. */
  get turns(): number {
    return this.#turns;
  }

  /** How far the log of a writer was read; undefined: not yet. */
  cursorOf(writer: string): Cursor | undefined {
    return this.#logs.get(writer)?.cursor;
  }

  /** @throws where an operator has to decide; with `isOnce` also what keeps it from delivering. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    try {
      while (!signal.aborted) {
        try {
          const isMore = await this.#turn(signal);
          failures = 0;
          if (this.#options.isOnce === true && !isMore) {
            const waiting = [...this.#logs.values()].find(({ tries }) => tries.refusal !== undefined);
            if (waiting !== undefined) throw waiting.tries.refusal;
            return;
          }
          if (!isMore) await wait(TIMING.spool.lookMs, signal);
        } catch (error) {
          this.#drop();
          if (signal.aborted) return;
          // All else may be over at the next try, such as a server that does not answer.
          if (this.#options.isOnce || (isOurs(error) && error.kind === 'halting')) throw error;
          failures += 1;
          this.#options.onOccurrence({ kind: 'trouble', error });
          await wait(backoffMs(failures, TIMING.spool.trouble), signal);
        }
      }
    } finally {
      this.#save({ onDisk: true });
      await this.#connection?.close();
    }
  }

  /** @returns whether there is more to deliver at once. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    this.#turns += 1;
    const writers = segmentsByWriter(this.#options.folder);
    for (const writer of this.#logs.keys()) if (!writers.has(writer)) this.#logs.delete(writer);
    if (writers.size === 0) return false;
    const connection = await this.#connected(signal);
    let isMore = false;
    for (const [writer, segments] of writers) {
      if (signal.aborted) return false;
      const log = this.#logs.get(writer) ?? this.#newLog(writer, segments);
      if (log.tries.restsUntilMs > performance.now()) continue;
      isMore = (await this.#writerTurn(connection, writer, { log, segments })) || isMore;
      this.#turns += 1;
    }
    return isMore;
  }

  async #writerTurn(
    connection: Connection,
    writer: string,
    { log, segments }: { log: Log; segments: readonly Segment[] },
  ): Promise<boolean> {
    const part = readOn(segments, log.cursor, { ...AT_ONCE, records: log.tries.most });
    const after = log.cursor.seq;
    const { records, next } = part;
    const [first] = records;
    if (first !== undefined) {
      const { spool, shard, onOccurrence, folder } = this.#options;
      const delivery = { spool, writer, after, records, schema: shard.schema, isBulk: this.#isBulk };
      const isOthers = !this.#isUnsure;
      this.#isUnsure = true;
      const outcome = await deliverUpToRefused(connection, delivery, {
        ...{ folder, tries: log.tries, setAside: this.#options.setAside ?? [], shardName: shard.name },
        onAside: (sentence) => this.#notice(sentence),
        onWaiting: (error, waiting) => onOccurrence({ kind: 'trouble', error, waiting }),
      });
      if (outcome === 'moved') return await this.#placeMoved(connection, writer, { log, isOthers });
      this.#isUnsure = false;
      if (outcome === 'waiting' || outcome === 'fewer') return outcome === 'fewer';
      const gap = gapSentence(folder, writer, { before: after, first: first.seq });
      if (gap !== undefined) this.#notice(gap);
      this.#delivered.note(writer, next.seq);
      this.#save({ onDisk: false });
      const events = outcome === 'aside' ? 0 : records.reduce((sum, { events }) => sum + events.length, 0);
      onOccurrence({ kind: 'delivered', events, writer });
    }
    for (const damage of part.damages) {
      this.#damaged.add(damage.path);
      this.#notice(damageSentence(damage));
    }
    log.cursor = next;
    this.#clear(part.done);
    if (records.length > 0) return true;
    this.#retireIdle(segments.at(-1), log);
    return false;
  }

  /** Somebody else moved it, or we did and did not hear of it. */
  async #placeMoved(
    connection: Connection,
    writer: string,
    { log, isOthers }: { log: Log; isOthers: boolean },
  ): Promise<boolean> {
    const seq = (await placesOf(connection, this.#options.spool)).get(writer) ?? 0;
    if (seq < log.cursor.seq) throw this.#diverged(new Map([[writer, seq]]));
    if (isOthers) this.#notice(othersSentence(this.#options.folder));
    this.#delivered.note(writer, seq);
    log.cursor = { ...log.cursor, number: 0, offset: 0, seq };
    return true;
  }

  async #connected(signal: AbortSignal): Promise<Connection> {
    if (this.#connection !== undefined && !this.#connection.failed) return this.#connection;
    const { shard, spool, onOccurrence } = this.#options;
    const connection = await openWithPlaces(shard, signal);
    this.#connection = connection;
    this.#isBulk = await hasBulk(connection, shard.schema);
    const writers = new Set(segmentsByWriter(this.#options.folder).keys());
    this.#delivered.forget(writers);
    const places = await placesOf(connection, spool);
    const behind = this.#delivered.writers.filter((one) => (places.get(one) ?? 0) < this.#delivered.of(one));
    if (behind.length > 0) {
      const knows = new Map(behind.map((writer) => [writer, places.get(writer) ?? 0]));
      if (this.#choice === undefined) throw this.#diverged(knows);
      for (const [writer, seq] of knows) {
        if (this.#choice === 'skip')
          await setPlace(connection, { spool, writer, seq: this.#delivered.of(writer) });
        else this.#delivered.note(writer, seq);
      }
      this.#choice = undefined;
      for (const [writer, seq] of await placesOf(connection, spool)) places.set(writer, seq);
    }
    for (const [writer, seq] of places)
      if (seq > this.#delivered.of(writer)) this.#delivered.note(writer, seq);
    this.#logs.clear();
    this.#isUnsure = true;
    await forgetPlaces(connection, spool, [...writers]);
    onOccurrence({ kind: 'connected' });
    return connection;
  }

  #newLog(writer: string, segments: readonly Segment[]): Log {
    const log: Log = {
      cursor: { number: segments[0]?.number ?? 0, offset: 0, seq: this.#delivered.of(writer) },
      idle: { sinceMs: performance.now(), bytes: -1 },
      tries: newTries(),
    };
    this.#logs.set(writer, log);
    return log;
  }

  #diverged(knows: ReadonlyMap<string, number>): Error {
    const { folder, shard } = this.#options;
    let missing = 0;
    for (const [writer, seq] of knows) missing += this.#delivered.of(writer) - seq;
    return spoolDiverged(
      `${shard.name} knows less than was delivered to it from ${folder}: ${counted(missing, 'record')} of ${counted(
        knows.size,
        'writer',
      )} are not there any more. It was restored or taken over by an older copy, or it is another database.`,
      `\`tributary spool ${folder} --rewind\` delivers again those that the folder still has, which central may have got before; \`--skip\` goes on behind them.`,
    );
  }

  #notice(sentence: string): void {
    this.#options.onOccurrence({ kind: 'noticed', sentence });
  }

  /** Segments that the shard has as a whole. */
  #clear(done: readonly Segment[]): void {
    if (done.length === 0) return;
    const isSaved = this.#save({ onDisk: true });
    for (const { path } of done) {
      if (this.#damaged.delete(path)) {
        const kept = join(this.#options.folder, 'damaged');
        mkdirSync(kept, { recursive: true });
        renameSync(path, join(kept, basename(path)));
      } else rmSync(path, { force: true });
    }
    if (!isSaved) this.#save({ onDisk: true });
  }

  /** On a full disk the segments that the shard has must go all the same, or nothing ever would. */
  #save(how: { readonly onDisk: boolean }): boolean {
    try {
      this.#delivered.save(how);
      return true;
    } catch (error) {
      if (!isNoSpace(error)) throw error;
      return false;
    }
  }

  /** The last segment of a writer that wrote nothing for a while is taken from it; its writer, if it lives, begins another one. */
  #retireIdle(last: Segment | undefined, log: Log): void {
    if (last === undefined || last.isRetired) return;
    const bytes = statSync(last.path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes !== log.idle.bytes) log.idle = { sinceMs: performance.now(), bytes };
    else if (performance.now() - log.idle.sinceMs > TIMING.spool.retireMs)
      renameSync(last.path, last.path.replace(/\.log$/, '.retired'));
  }

  #drop(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }
}
