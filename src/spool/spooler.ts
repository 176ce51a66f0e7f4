// Delivers what is in a spool to its shard, until it is stopped: of each writer in order, each record in one transaction with the
// place that it leads to.
//
// Invariant: the shard's place decides what is delivered. A segment is deleted only when the shard has all of it, and the folder
// remembers that on its disk.
// Fails by: a shard that cannot be reached, or a queue that is not there: said once, and tried again. A shard that knows less
// than was delivered to it: an operator decides.
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { kindOf, sqlstateOf } from '../errors/sqlstate.ts';
import { isOurs } from '../errors/tributary-error.ts';
import { counted } from '../errors/words.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { wait } from '../lifecycle/wait.ts';
import type { Connection } from '../postgres/connection.ts';
import { DeliveredPlaces } from './delivered.ts';
import { isNoSpace, type Segment, segmentsByWriter } from './folder.ts';
import { sizeInWords, spoolDiverged } from './mistakes.ts';
import { deliver, forgetPlaces, hasBulk, placesOf, setPlace } from './place.ts';
import { openWithPlaces, type SpoolShard } from './prepare-shard.ts';
import { type Cursor, type Damage, readOn } from './writer-log.ts';

/** What became of something, for the log. */
export type SpoolOccurrence =
  | { readonly kind: 'delivered'; readonly events: number; readonly writer: string }
  | { readonly kind: 'connected' }
  | { readonly kind: 'trouble'; readonly error: unknown; readonly writer?: string }
  | { readonly kind: 'noticed'; readonly sentence: string };

export interface SpoolerOptions {
  readonly folder: string;
  /** The name of the spool. */
  readonly spool: string;
  readonly shard: SpoolShard;
  /** What to do where the shard knows less than was delivered: deliver again what is left, or go on behind it. */
  readonly choice?: 'rewind' | 'skip' | undefined;
  /** Ends once all that is there has been delivered. */
  readonly isOnce?: boolean;
  readonly onOccurrence: (occurrence: SpoolOccurrence) => void;
}

/** Of one transaction. */
const AT_ONCE = { events: 1_000, bytes: 4 * 1024 * 1024 };

interface Log {
  cursor: Cursor;
  /** Since when its last segment has not grown, by the monotonic clock, and its size then. */
  idle: { readonly sinceMs: number; readonly bytes: number };
  failures: number;
  restsUntilMs: number;
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

  constructor(options: SpoolerOptions) {
    this.#options = options;
    this.#choice = options.choice;
    this.#delivered = new DeliveredPlaces(options.folder);
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
          if (this.#options.isOnce === true && !isMore) return;
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
    const writers = segmentsByWriter(this.#options.folder);
    for (const writer of this.#logs.keys()) if (!writers.has(writer)) this.#logs.delete(writer);
    if (writers.size === 0) return false;
    const connection = await this.#connected(signal);
    let isMore = false;
    for (const [writer, segments] of writers) {
      if (signal.aborted) return false;
      const log = this.#logs.get(writer) ?? this.#newLog(writer, segments);
      if (log.restsUntilMs > performance.now()) continue;
      try {
        isMore = (await this.#writerTurn(connection, writer, { log, segments })) || isMore;
        log.failures = 0;
      } catch (error) {
        // The others need not wait for a queue that is missing.
        const isItsOwn = !connection.failed && (isNoInsert(error) || kindOf(error) === 'misconfigured');
        if (!isItsOwn || this.#options.isOnce) throw error;
        log.failures += 1;
        log.restsUntilMs = performance.now() + backoffMs(log.failures, TIMING.spool.trouble);
        this.#options.onOccurrence({ kind: 'trouble', error, writer });
      }
    }
    return isMore;
  }

  async #writerTurn(
    connection: Connection,
    writer: string,
    { log, segments }: { log: Log; segments: readonly Segment[] },
  ): Promise<boolean> {
    const part = readOn(segments, log.cursor, AT_ONCE);
    const after = log.cursor.seq;
    const { records, next } = part;
    if (records.length > 0) {
      this.#noticeGap(writer, after, records[0]?.seq ?? after + 1);
      const { spool, shard, onOccurrence } = this.#options;
      const delivery = { spool, writer, after, records, schema: shard.schema, isBulk: this.#isBulk };
      const isOthers = !this.#isUnsure;
      this.#isUnsure = true;
      if (!(await deliver(connection, delivery)))
        return await this.#placeMoved(connection, writer, { log, isOthers });
      this.#isUnsure = false;
      this.#delivered.note(writer, next.seq);
      this.#save({ onDisk: false });
      const events = records.reduce((sum, { events }) => sum + events.length, 0);
      onOccurrence({ kind: 'delivered', events, writer });
    }
    for (const damage of part.damages) this.#noticeDamage(damage);
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
    if (isOthers) {
      this.#notice(
        `Somebody else delivers the same events: another spooler, or one on a copy of ${this.#options.folder}. Each goes in once.`,
      );
    }
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
      failures: 0,
      restsUntilMs: 0,
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

  #noticeGap(writer: string, after: number, first: number): void {
    if (first <= after + 1) return;
    this.#notice(
      `${counted(first - after - 1, 'record')} of writer ${writer} before its record ${first} are missing in ${this.#options.folder}: they were lost with the power, with a disk, or with files that were deleted.`,
    );
  }

  #noticeDamage({ path, offset, bytes, isTail }: Damage): void {
    this.#damaged.add(path);
    const where = `${sizeInWords(bytes)} at ${offset} of ${basename(path)}`;
    this.#notice(
      isTail
        ? `${where} are no whole record: their writer ended while it wrote them, or the power failed. An event that was confirmed with \`fsync\` is not among them. The file is kept in damaged/.`
        : `${where} are damaged, and what follows is delivered. The file is kept in damaged/.`,
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

/** Said by PgQ of a queue, such as one that is closed. */
const isNoInsert = (error: unknown): boolean =>
  sqlstateOf(error) !== undefined && kindOf(error) === 'halting';
