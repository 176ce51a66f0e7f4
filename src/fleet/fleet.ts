// What a running process wants now: its file, read again when that is asked for, together with the shards of its queries.
//
// Invariant: `config` is always whole and free of mistakes; a file or an answer that is wrong changes nothing of it.
// Order: a file is checked, then queries that are new in it are asked, then all of it counts at once.
// Fails by: a query that fails keeps the rows that it gave before; a process that starts while it fails has none of them yet.
import { type Changes, changesBetween, isNoChange, restartNeeded } from '../config/changes.ts';
import type { Config, ShardQuery } from '../config/config.ts';
import { liveConfig } from '../config/live-config.ts';
import type { LoadResult } from '../config/load.ts';
import type { ShardRow } from '../config/sections/queried-shards.ts';
import { workedIn } from '../config/worked.ts';
import { sentenceFor } from '../errors/sentence.ts';
import type { Service } from '../lifecycle/service.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { Signal } from '../lifecycle/wait.ts';
import { askQuery } from './ask-query.ts';
import { completed, keyOf } from './completed.ts';
import { FileWatch } from './file-watch.ts';
import type { FleetOccurrence, ReadBy } from './occurrence.ts';

/** How the next configuration differs from the one before. */
export interface Taken {
  readonly changes: Changes;
  /** The file was read again, with what it names: handlers may be others under the same path. */
  readonly isRead: boolean;
}

export interface FleetOptions {
  /** The file as it was read at the start; the shards of its queries come later. */
  readonly config: Config;
  /** Reads the file again. */
  readonly load: () => LoadResult;
  /** For what URLs in rows leave open; default process.env. */
  readonly env?: NodeJS.ProcessEnv;
  /** From here on `config` counts. */
  readonly onTaken: (config: Config, taken: Taken) => void;
  /** Why this process in particular cannot take a file over. */
  readonly refusalsOf?: (config: Config) => readonly string[];
  readonly onOccurrence: (occurrence: FleetOccurrence) => void;
}

/** What a member reports of its file, with its beats. */
export interface FileStand {
  /** Up to which request it has read the file again. */
  readonly asked: number;
  /** Why the file that it read last does not count; null: it does. */
  readonly refused: readonly string[] | null;
  /** Since when the file counts, in s since 1970 by this machine's clock. */
  readonly since: number;
}

export class Fleet implements Service {
  readonly name = 'file';
  readonly #options: FleetOptions;
  readonly #stopped = new AbortController();
  readonly #changed = new Signal();
  readonly #watch: FileWatch;
  readonly #rows = new Map<string, readonly ShardRow[]>();
  readonly #dueMs = new Map<string, number>();
  readonly #failing = new Set<string>();
  #refusedRows = new Set<string>();
  /** As the file says, without the shards of its queries. */
  #file: Config;
  #now: Config;
  #wanted: ReadBy | undefined;
  /** Undefined before the first look. */
  #asked: number | undefined;
  #answered = 0;
  #refused: readonly string[] | null = null;
  #sinceMs = performance.timeOrigin + performance.now();
  /** Always the newest one, for what reads it anew each time. */
  readonly live = liveConfig(() => this.#now);

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#file = this.#now = options.config;
    this.#watch = new FileWatch(() => [
      this.#file.file,
      ...new Set(workedIn(this.#file).flatMap(({ handler }) => handler ?? [])),
    ]);
  }

  /** What is wanted now. */
  get config(): Config {
    return this.#now;
  }

  get stand(): FileStand {
    return { asked: this.#answered, refused: this.#refused, since: Math.round(this.#sinceMs / 1_000) };
  }

  /** Reads the file again, and asks its queries, as soon as possible. */
  readAgain(by: ReadBy): void {
    this.#wanted = by;
    this.#changed.notify();
  }

  /** Central says how often all members were asked to read their files again. */
  noteAsked(number: number): void {
    const isFirst = this.#asked === undefined;
    // A request may be older than the process, or have come between its start and the first look: then the file is another one.
    if (isFirst ? this.#watch.isOther : number > (this.#asked ?? 0)) this.readAgain('`tributary reload`');
    else if (isFirst) this.#answered = number;
    this.#asked = number;
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#turn();
      if (this.#wanted === undefined && !signal.aborted) await this.#changed.next(TIMING.fleet.lookEveryMs);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#changed.notify();
  }

  async #turn(): Promise<void> {
    if (this.#wanted === undefined && this.#file.watch && this.#watch.hasChanged())
      this.#wanted = '`watch: true`';
    const by = this.#wanted;
    const asked = this.#asked;
    this.#wanted = undefined;
    if (by !== undefined) {
      await this.#read(by);
      if (asked !== undefined) this.#answered = asked;
    }
    const nowMs = performance.now();
    const due = this.#file.shardQueries.filter((query) => (this.#dueMs.get(keyOf(query)) ?? 0) <= nowMs);
    if (due.length === 0) return;
    await Promise.all(due.map((query) => this.#askAgain(query)));
    this.#take({ isRead: false });
  }

  async #read(by: ReadBy): Promise<void> {
    this.#watch.took();
    const { load, refusalsOf = () => [] } = this.#options;
    const { config: next, problems = [] } = load();
    const sentences =
      next === undefined
        ? problems.map(({ file, line, column, sentence }) => `${file}:${line}:${column} ${sentence}`)
        : [...restartNeeded(this.#file, next), ...refusalsOf(next)];
    if (next !== undefined && sentences.length === 0) sentences.push(...(await this.#askNew(next)));
    if (next === undefined || sentences.length > 0) {
      // Said anew each time: somebody has asked for it.
      this.#refused = sentences;
      this.#options.onOccurrence({ kind: 'file-refused', by, sentences });
      return;
    }
    this.#refused = null;
    if (next.hash !== this.#file.hash) this.#sinceMs = performance.timeOrigin + performance.now();
    this.#file = next;
    this.#watch.took();
    this.#forgetQueries();
    // A reading asks all of them, and those that were asked just now have answered.
    for (const { query, isFresh } of next.shardQueries.map((query) => this.#standOf(query)))
      if (!isFresh) this.#dueMs.set(keyOf(query), 0);
    this.#take({ isRead: true, by });
  }

  #standOf(query: ShardQuery) {
    const dueMs = this.#dueMs.get(keyOf(query)) ?? 0;
    return { query, isFresh: dueMs - performance.now() > query.everyMs - TIMING.fleet.lookEveryMs };
  }

  /** Without its rows the shards of a query that was only written anew would all be gone. @returns why one gives none. */
  async #askNew({ shardQueries }: Config): Promise<string[]> {
    const unknown = shardQueries.filter((query) => !this.#rows.has(keyOf(query)));
    const answers = await Promise.all(
      unknown.map(async (query) => {
        try {
          this.#answer(query, await askQuery(query, this.#file));
          return [];
        } catch (error) {
          return [sentenceFor(error, `The query of ${query.place}`)];
        }
      }),
    );
    return answers.flat();
  }

  async #askAgain(query: ShardQuery): Promise<void> {
    const key = keyOf(query);
    const { onOccurrence } = this.#options;
    try {
      this.#answer(query, await askQuery(query, this.#file));
      if (this.#failing.delete(key)) onOccurrence({ kind: 'query-answers', place: query.place });
    } catch (error) {
      this.#dueMs.set(key, performance.now() + Math.min(query.everyMs, TIMING.fleet.queryAgainMs));
      if (this.#failing.has(key)) return;
      this.#failing.add(key);
      const sentence = sentenceFor(error, `The query of ${query.place}`);
      onOccurrence({ kind: 'query-failed', sentence });
    }
  }

  #answer(query: ShardQuery, rows: readonly ShardRow[]): void {
    this.#rows.set(keyOf(query), rows);
    this.#dueMs.set(keyOf(query), performance.now() + query.everyMs);
  }

  #forgetQueries(): void {
    const keys = new Set(this.#file.shardQueries.map(keyOf));
    for (const map of [this.#rows, this.#dueMs])
      for (const key of map.keys()) if (!keys.has(key)) map.delete(key);
    for (const key of this.#failing) if (!keys.has(key)) this.#failing.delete(key);
  }

  #take({ isRead, by }: { readonly isRead: boolean; readonly by?: ReadBy }): void {
    const { env = process.env, onTaken, onOccurrence } = this.#options;
    const before = this.#now;
    const { config, mistakes } = completed(this.#file, this.#rows, { env, before });
    const said = this.#refusedRows;
    this.#refusedRows = new Set(mistakes);
    for (const sentence of mistakes) if (!said.has(sentence)) onOccurrence({ kind: 'row-refused', sentence });
    const changes = changesBetween(before, config);
    if (!isRead && isNoChange(changes)) return;
    this.#now = config;
    if (by !== undefined) onOccurrence({ kind: 'file-taken', by, changes });
    else onOccurrence({ kind: 'shards-queried', changes });
    onTaken(config, { changes, isRead });
  }
}
