// The gatherers of one mover, one per central queue and one per source queue with routes, with what they share: the pace of commits, and the limits of queues.
import type { CentralLink } from '../../central/central-link.ts';
import type { CommitOptions } from '../../central/commit/commit.ts';
import type { Config } from '../../config/config.ts';
import { type MemberFacts, memberHoldSql } from '../../coordination/lease-queries.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { Signal } from '../../lifecycle/wait.ts';
import type { Condemner } from '../condemn.ts';
import { Backpressure, BackpressureOfAll, limitsOf } from '../limits/backpressure.ts';
import { CommitPace } from '../limits/commit-pace.ts';
import type { OnMoverOccurrence } from '../occurrence.ts';
import { gathererName, gatherersOf } from '../source/destinations.ts';
import { CommitTimes } from './commit-times.ts';
import { Gatherer } from './gatherer.ts';
import { LaneConnection } from './lane-connection.ts';
import type { LaneCommit } from './parcel-commit.ts';

export interface GatherersOptions {
  readonly config: Config;
  /** In whose name is committed. */
  readonly member: Pick<MemberFacts, 'id' | 'host'>;
  readonly newLink: (purpose: string) => CentralLink;
  /** Whether shards are being asked at this moment. */
  readonly isReading: () => boolean;
  /** A commit that no tick covers yet; those of one lane follow one another. */
  readonly onUncovered: (queue: string, done: { readonly xid: number; readonly lane: string }) => void;
  readonly onOccurrence: OnMoverOccurrence;
}

export class Gatherers {
  readonly #options: GatherersOptions;
  readonly #commitOptions: CommitOptions;
  readonly #pace = new CommitPace();
  /** By central queue, of those that have a limit. */
  readonly backpressures = new Map<string, Backpressure>();
  /** A shard has more for one of these than it may bring now. */
  readonly onShort = new Signal();
  /** By the gatherer's name. */
  readonly #troubles = new Map<string, string>();
  readonly #commitTimes = new CommitTimes();
  /** The central queues of each, by its name. */
  #queues: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(options: GatherersOptions) {
    const { id, host } = options.member;
    this.#options = options;
    this.#commitOptions = {
      timeoutMs: TIMING.gathering.commitMs,
      holdSql: memberHoldSql(id),
      mover: host,
    };
  }

  /** @param name of a central queue's gatherer, or of that of a source queue with routes. */
  create(name: string, condemner: Condemner): Gatherer {
    const { config, isReading, newLink, onOccurrence } = this.#options;
    const commitOptions = this.#commitOptions;
    this.#queues = gatherersOf(config);
    const [first = name.slice(gathererName('').length)] = this.#queuesOf(name);
    const isRouted = name !== gathererName(first);
    const purpose = `commit ${isRouted ? name : first}`;
    for (const queue of this.#queuesOf(name)) this.#limit(queue);
    const ofAll = () =>
      new BackpressureOfAll(this.#queuesOf(name).flatMap((queue) => this.backpressures.get(queue) ?? []));
    return new Gatherer(first, {
      name,
      backpressure: isRouted ? ofAll : () => this.backpressures.get(first),
      commitPace: this.#pace,
      mostEvents: () => config.mover.wholeEvents,
      isMoreComing: isReading,
      connectionOf: (lane) => {
        const link = newLink(lane === 'quick' ? purpose : `${purpose} ${lane}`);
        return new LaneConnection(link, { commitOptions, condemner });
      },
      onCommitted: (done) => {
        this.#troubles.delete(name);
        this.#noteCommit(done, isRouted ? name : '');
      },
      onTrouble: (error, source) => {
        if (source === undefined) this.#centralTrouble(name, error);
        else onOccurrence({ kind: 'source-trouble', shard: source.shard, queue: source.queue, error });
      },
    });
  }

  /** @param of the gatherer, where others commit into its queues as well. */
  #noteCommit({ spread, ...done }: LaneCommit, of: string): void {
    const { onOccurrence, onUncovered } = this.#options;
    // Commits of one lane follow one another only in one gatherer.
    const lane = of === '' ? done.lane : `${of} ${done.lane}`;
    if (!done.isCovered) for (const queue of done.queues) onUncovered(queue, { xid: done.xid, lane });
    for (const part of spread ?? [done]) {
      this.#commitTimes.saw(part.queue, done.ms);
      onOccurrence({ kind: 'committed', ...done, ...part });
    }
  }

  #queuesOf(name: string): readonly string[] {
    return this.#queues.get(name) ?? [];
  }

  /** The limits of queues may be others: those of the configuration as it is now count. */
  limitAnew(): void {
    this.#queues = gatherersOf(this.#options.config);
    for (const { name } of this.#options.config.queues) this.#limit(name);
  }

  /** The gatherer of this name has ended, and the file wants it no more. */
  forget(name: string): void {
    const wanted = new Set(this.#options.config.queues.map((queue) => queue.name));
    for (const queue of [...this.backpressures.keys()])
      if (!wanted.has(queue)) this.backpressures.delete(queue);
    this.#troubles.delete(name);
  }

  #limit(queue: string): void {
    const limits = limitsOf(this.#options.config.queues.find(({ name }) => name === queue));
    const known = this.backpressures.get(queue);
    if (limits === undefined) this.backpressures.delete(queue);
    else if (known === undefined)
      this.backpressures.set(queue, new Backpressure(queue, limits, () => this.onShort.notify()));
    else known.limit(limits);
  }

  get commitTimes(): CommitTimes['medians'] {
    return this.#commitTimes.medians;
  }

  /** Why the queues of a gatherer take no events, in a sentence; undefined: they take them. */
  troubleOf(name: string): string | undefined {
    return this.#troubles.get(name);
  }

  /** Why less of a shard goes into its queues than they could take, or nothing; undefined: all does. */
  heldBack(name: string, shard: string): string | undefined {
    return this.#queuesOf(name)
      .map((queue) => this.backpressures.get(queue)?.reasonFor(shard))
      .find((reason) => reason !== undefined);
  }

  #centralTrouble(name: string, error: unknown): void {
    const reason = sentenceFor(error, 'Central');
    const queues = this.#queuesOf(name).join(', ');
    const what =
      this.#queuesOf(name).length > 1 ? `Central queues ${queues} take` : `Central queue ${queues} takes`;
    this.#troubles.set(name, `${what} no events: ${reason} It is tried again.`);
    this.#options.onOccurrence({ kind: 'central-trouble', queue: queues === '' ? undefined : queues, error });
  }
}
