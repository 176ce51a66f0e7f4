// Installs by itself what is new in the file (`install: auto`): asked for by the mover that holds a shard and finds no source of it.
//
// Invariant: it only adds, and changes lanes where the file has just changed them. It never migrates central's schema, never changes
// a number of workers that was installed, and never begins anew what an operator has let go of: that is what `tributary install` is for.
// Fails by: a shard that cannot be installed is tried again, later each time; its sentences are said once.
import type { Config } from '../config/config.ts';
import type { FleetOccurrence } from '../fleet/occurrence.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import type { Service } from '../lifecycle/service.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { Signal } from '../lifecycle/wait.ts';
import { install } from './install.ts';
import type { InstallRow } from './report.ts';

export interface AutoInstallOptions {
  /** Always the newest one. */
  readonly config: Config;
  readonly onOccurrence: (occurrence: FleetOccurrence) => void;
}

interface Wanted {
  readonly failures: number;
  readonly dueMs: number;
}

/** Central alone, for what is new on it; no shard has this name. */
const CENTRAL = '';

/** More at once would keep the first ones waiting for the last. */
const MOST_AT_ONCE = 32;

export class AutoInstall implements Service {
  readonly name = 'installing';
  readonly #options: AutoInstallOptions;
  readonly #wanted = new Map<string, Wanted>();
  readonly #said = new Map<string, string>();
  /** Until they are installed. */
  readonly #lanesOf = new Set<string>();
  readonly #changed = new Signal();
  readonly #stopped = new AbortController();

  constructor(options: AutoInstallOptions) {
    this.#options = options;
  }

  /** Something of this shard is missing; may be called again and again. */
  want(shard: string): void {
    if (this.#options.config.install !== 'auto' || this.#wanted.has(shard)) return;
    this.#wanted.set(shard, { failures: 0, dueMs: 0 });
    this.#changed.notify();
  }

  /** Something of central is missing, such as a group of a queue, or these groups have other lanes since the file was read again. */
  wantCentral(lanesOf: readonly string[] = []): void {
    if (this.#options.config.install !== 'auto') return;
    for (const name of lanesOf) this.#lanesOf.add(name);
    this.want(CENTRAL);
  }

  async run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await this.#turn();
      if (!this.#stopped.signal.aborted) await this.#changed.next(TIMING.fleet.lookEveryMs);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#changed.notify();
  }

  async #turn(): Promise<void> {
    const { config } = this.#options;
    const there = new Set([CENTRAL, ...config.shards.map(({ name }) => name)]);
    for (const shard of this.#wanted.keys())
      if (!there.has(shard) || config.install !== 'auto') this.#forget(shard);
    const nowMs = performance.now();
    const due = [...this.#wanted].flatMap(([name, { dueMs }]) => (dueMs <= nowMs ? [name] : []));
    if (due.length === 0) return;
    const only = new Set(due.slice(0, MOST_AT_ONCE));
    const shards = config.shards.filter(({ name }) => only.has(name));
    const lanesOf = new Set(this.#lanesOf);
    const rows = await install({ ...config, shards }, { isAddition: true, lanesOf });
    const central = rows.find(({ name }) => name === 'central');
    const failed = central?.outcome === 'failed' ? central : undefined;
    if (failed === undefined) for (const name of lanesOf) this.#lanesOf.delete(name);
    const rowOf = (wanted: string) =>
      wanted === CENTRAL ? central : (rows.find((one) => one.name === wanted) ?? failed);
    for (const name of only) {
      const row = rowOf(name);
      if (row === undefined || row.outcome === 'failed') this.#failed(name, row);
      else this.#done(name, row);
    }
  }

  #done(name: string, row: InstallRow): void {
    this.#forget(name);
    if (row.outcome === 'installed')
      this.#options.onOccurrence({
        kind: 'installed',
        shard: name === CENTRAL ? undefined : name,
        did: row.did,
      });
  }

  #failed(name: string, row: InstallRow | undefined): void {
    const failures = (this.#wanted.get(name)?.failures ?? 0) + 1;
    this.#wanted.set(name, {
      failures,
      dueMs: performance.now() + backoffMs(failures, TIMING.fleet.installTrouble),
    });
    const sentence = row?.mistakes.join(' ') ?? '';
    const about = row?.name ?? name;
    if (sentence === '' || this.#said.get(about) === sentence) return;
    this.#said.set(about, sentence);
    this.#options.onOccurrence({ kind: 'not-installed', sentence });
  }

  #forget(name: string): void {
    this.#wanted.delete(name);
    this.#said.delete(name);
  }
}
