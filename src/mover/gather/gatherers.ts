// The gatherers of one mover, one per central queue, with what they share: the pace of commits, and the limits of queues.
import type { CentralLink } from '../../central/central-link.ts';
import type { CommitOptions } from '../../central/commit/commit.ts';
import type { Config } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import type { Condemner } from '../condemn.ts';
import { type Backpressure, backpressureOf } from '../limits/backpressure.ts';
import { CommitPace } from '../limits/commit-pace.ts';
import type { OnMoverOccurrence } from '../occurrence.ts';
import { CommitTimes } from './commit-times.ts';
import { Gatherer } from './gatherer.ts';
import { LaneConnection } from './lane-connection.ts';
import type { LaneCommit } from './parcel-commit.ts';

export interface GatherersOptions {
  readonly config: Config;
  readonly commitOptions: CommitOptions;
  readonly newLink: (purpose: string) => CentralLink;
  /** A commit that no tick covers yet. */
  readonly onUncovered: (queue: string, done: LaneCommit) => void;
  readonly onOccurrence: OnMoverOccurrence;
}

export class Gatherers {
  readonly #options: GatherersOptions;
  readonly #pace = new CommitPace();
  /** By central queue, of those that have a limit. */
  readonly backpressures = new Map<string, Backpressure>();
  readonly #troubles = new Map<string, string>();
  readonly #commitTimes = new CommitTimes();

  constructor(options: GatherersOptions) {
    this.#options = options;
  }

  create(queue: string, condemner: Condemner): Gatherer {
    const { commitOptions, config, newLink, onOccurrence, onUncovered } = this.#options;
    const backpressure = backpressureOf(config.queues.find(({ name }) => name === queue));
    if (backpressure !== undefined) this.backpressures.set(queue, backpressure);
    return new Gatherer(queue, {
      ...(backpressure === undefined ? {} : { backpressure }),
      commitPace: this.#pace,
      mostEvents: config.mover.wholeEvents,
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
