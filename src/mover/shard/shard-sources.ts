// The sources of one shard, as central knows them and the file wants them.
//
// Invariant: a source is read in one way from its beginning here to its end: where the file reads it otherwise, another one
// takes its place, once central has all that was read of it and its position was read from central.
import { isDeepStrictEqual } from 'node:util';
import type { StoredSource } from '../../central/positions.ts';
import { sourcesMark } from '../../central/source-states.ts';
import type { Queue, Shard } from '../../config/config.ts';
import { notInstalled } from '../../config/feeds.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { type ReadFeed, readingsOf } from '../../shards/window.ts';
import type { MoverContext } from '../context.ts';
import { gathererOf } from '../source/destinations.ts';
import { Source } from '../source/source.ts';

export interface ShardSourcesOptions {
  readonly context: Pick<MoverContext, 'config' | 'onMissing'>;
  /** Reads this shard's sources and positions from central. */
  readonly load: () => Promise<StoredSource[]>;
  /** Positions were moved by somebody else: called before they are taken over. @throws where nothing may be read any more. */
  readonly onOvertaken: () => Promise<void>;
  /** A parcel of one has ended. */
  readonly onSettled: () => void;
  /** Some have central's position anew: what each reload said, see Source.reload. */
  readonly onReloaded: (lost: readonly (number | undefined)[]) => void;
}

export class ShardSources {
  readonly #shard: Shard;
  readonly #options: ShardSourcesOptions;
  #sources: readonly Source[] = [];
  /** Those that are wanted no longer, or not as they were, until central has all that was read of them. */
  #leaving: readonly Source[] = [];
  #mark = 0;
  /** The set of sources may be another one, or all positions may be: those in memory count for nothing. */
  #isStale = true;
  /** The file wants other sources, or reads them in another way. */
  #isOutdated = false;
  /** When central is asked again for a source that `install` has to lead to another central queue. */
  #lookAgainAtMs = Number.POSITIVE_INFINITY;

  constructor(shard: Shard, options: ShardSourcesOptions) {
    this.#shard = shard;
    this.#options = options;
  }

  get all(): readonly Source[] {
    return this.#sources;
  }

  /** Of all that central has, those that the file does not name any more among them. */
  get mark(): number {
    return this.#mark;
  }

  /** Whether parcels of it are under way. */
  get isUnderWay(): boolean {
    return [...this.#sources, ...this.#leaving].some(({ underWay }) => underWay.parcels > 0);
  }

  /** Whether events of it may still go to this gatherer. */
  feeds(gatherer: string): boolean {
    return [...this.#sources, ...this.#leaving.filter(isBusy)].some(
      (source) => gathererOf(source) === gatherer,
    );
  }

  /** None of the positions counts any more. */
  distrust(): void {
    this.#isStale = true;
  }

  /** The file has changed. @returns whether that concerns this shard: then central is asked before the next turn. */
  reread(): boolean {
    const readings = readingsOf(this.#options.context.config, this.#shard);
    const others = this.#sources.filter((source) => {
      const found = readings.get(source.queue);
      return found === undefined || isReadOtherwise(source, found);
    });
    // Nothing more is read of them as it was.
    for (const source of others) source.distrust();
    const names = new Set(this.#sources.map(({ queue }) => queue));
    this.#isOutdated ||= others.length > 0 || [...readings.keys()].some((queue) => !names.has(queue));
    return this.#isOutdated;
  }

  /** Whether a look at central's positions is due for one that can take it over. */
  get mayRefresh(): boolean {
    return (
      this.#isStale ||
      this.#isOutdated ||
      performance.now() >= this.#lookAgainAtMs ||
      this.#sources.some((source) => source.isStale && !isBusy(source))
    );
  }

  async refresh(): Promise<void> {
    // Before the look, not after it: changes that are seen meanwhile need another one.
    if (this.#isStale) for (const source of this.#sources) source.distrust();
    this.#isStale = this.#isOutdated = false;
    const settled = new Set(this.#sources.filter((one) => one.isStale && !isBusy(one)));
    const stored = await this.#options.load();
    const readings = readingsOf(this.#options.context.config, this.#shard);
    this.#mark = sourcesMark(stored);
    const known = new Map(this.#sources.map((source) => [source.id, source]));
    const lost: (number | undefined)[] = [];
    if (stored.some(({ id, n }) => (known.get(id)?.n ?? n) < n)) await this.#options.onOvertaken();
    const sources = stored.flatMap((one) => {
      const found = readings.get(one.queue);
      // Not before install has led it to all of them.
      if (found === undefined || notInstalled(namesOf(found.to), one).length > 0) return [];
      const source = known.get(one.id);
      if (source !== undefined && !settled.has(source)) return [source];
      if (source === undefined || isReadOtherwise(source, found)) return [this.#newSource(one, found)];
      lost.push(source.reload(one));
      return [source];
    });
    this.#options.onReloaded(lost);
    const left = this.#sources.filter((source) => !sources.includes(source));
    this.#leaving = [...this.#leaving, ...left].filter(isBusy);
    this.#sources = sources;
    this.#noteMissing([...readings.keys()], stored);
  }

  #newSource(stored: StoredSource, { reading, central }: ReadFeed): Source {
    const { onSettled } = this.#options;
    const tickerMode = this.#shard.ticker;
    return new Source(stored, { reading, centralQueue: central.name, tickerMode, onSettled });
  }

  #noteMissing(wanted: readonly string[], stored: readonly StoredSource[]): void {
    const there = new Set(this.#sources.map(({ queue }) => queue));
    const missing = new Set(wanted.filter((queue) => !there.has(queue)));
    // One that leads elsewhere changes without a change in the set of sources, which is what is looked at otherwise.
    this.#lookAgainAtMs = stored.some(({ queue }) => missing.has(queue))
      ? performance.now() + TIMING.shard.missingQueueMs
      : Number.POSITIVE_INFINITY;
    if (missing.size > 0) this.#options.context.onMissing(this.#shard.name);
  }
}

const isReadOtherwise = (source: Source, { central, reading }: ReadFeed): boolean =>
  source.centralQueue !== central.name || !isDeepStrictEqual(source.reading, reading);

const namesOf = (queues: readonly Queue[]): string[] => queues.map(({ name }) => name);

const isBusy = ({ underWay, isReadAlone }: Source): boolean => underWay.parcels > 0 || isReadAlone;
