// The gatherers of one mover, one per central queue, with what they share: the pace of commits, and the limits of queues.
import type { CentralLink } from '../../central/central-link.ts';
import type { CommitOptions } from '../../central/commit/commit.ts';
import type { Config } from '../../config/config.ts';
import { type MemberFacts, memberHoldSql } from '../../coordination/lease-queries.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import type { Condemner } from '../condemn.ts';
import { Backpressure, limitsOf } from '../limits/backpressure.ts';
import { CommitPace } from '../limits/commit-pace.ts';
import type { OnMoverOccurrence } from '../occurrence.ts';
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
  /** A commit that no tick covers yet. */
  readonly onUncovered: (queue: string, done: LaneCommit) => void;
  readonly onOccurrence: OnMoverOccurrence;
}

export class Gatherers {
  readonly #options: GatherersOptions;
  readonly #commitOptions: CommitOptions;
  readonly #pace = new CommitPace();
  /** By central queue, of those that have a limit. */
  readonly backpressures = new Map<string, Backpressure>();
  readonly #troubles = new Map<string, string>();
  readonly #commitTimes = new CommitTimes();

  constructor(options: GatherersOptions) {
    const { id, host } = options.member;
    this.#options = options;
    this.#commitOptions = {
      timeoutMs: TIMING.gathering.commitMs,
      holdSql: memberHoldSql(id),
      mover: host,
    };
  }

  create(queue: string, condemner: Condemner): Gatherer {
    const { config, isReading, newLink, onOccurrence, onUncovered } = this.#options;
    const commitOptions = this.#commitOptions;
    this.#limit(queue);
    return new Gatherer(queue, {
      backpressure: () => this.backpressures.get(queue),
      commitPace: this.#pace,
      mostEvents: () => config.mover.wholeEvents,
      isMoreComing: isReading,
      connectionOf: (lane) => {
        const link = newLink(lane === 'quick' ? `commit ${queue}` : `commit ${queue} ${lane}`);
        return new LaneConnection(link, { commitOptions, condemner });
      },
      onCommitted: (done) => {
        this.#troubles.delete(queue);
        this.#commitTimes.saw(queue, done.ms);
        if (!done.isCovered) onUncovered(queue, done);
        onOccurrence({ kind: 'committed', ...done });
      },
      onTrouble: (error, source) => {
        if (source === undefined) this.#centralTrouble(queue, error);
        else onOccurrence({ kind: 'source-trouble', shard: source.shard, queue: source.queue, error });
      },
    });
  }

  /** The limits of queues may be others: those of the configuration as it is now count. */
  limitAnew(): void {
    for (const { name } of this.#options.config.queues) this.#limit(name);
  }

  /** The gatherer of this queue has ended, and the file does not name it any more. */
  forget(queue: string): void {
    this.backpressures.delete(queue);
    this.#troubles.delete(queue);
  }

  #limit(queue: string): void {
    const limits = limitsOf(this.#options.config.queues.find(({ name }) => name === queue));
    const known = this.backpressures.get(queue);
    if (limits === undefined) this.backpressures.delete(queue);
    else if (known === undefined) this.backpressures.set(queue, new Backpressure(queue, limits));
    else known.limit(limits);
  }

  get commitTimes(): CommitTimes['medians'] {
    return this.#commitTimes.medians;
  }

  /** Why a central queue takes no events, in a sentence; undefined: it takes them. */
  troubleOf(queue: string): string | undefined {
    return this.#troubles.get(queue);
  }

  #centralTrouble(queue: string, error: unknown): void {
    const reason = sentenceFor(error, 'Central');
    this.#troubles.set(queue, `Central queue ${queue} takes no events: ${reason} It is tried again.`);
    this.#options.onOccurrence({ kind: 'central-trouble', queue, error });
  }
}
