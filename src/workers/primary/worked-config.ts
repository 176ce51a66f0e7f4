// What a host of workers works on: the file as it counts now, and what the workers of each queue were begun with.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { changesBetween } from '../../config/changes.ts';
import type { Config } from '../../config/config.ts';
import { liveConfig } from '../../config/live-config.ts';
import type { Worked } from '../../config/worked.ts';
import type { StartMessage } from '../protocol.ts';
import type { WantedSlot } from './slot/slots.ts';
import { startMessageOf, workedQueues } from './start-message.ts';

export interface WorkedConfigOptions {
  readonly config: Config;
  /** Name of this machine, for people. */
  readonly host: string;
  /** Only these central queues, or groups of them by their names; default: all that have workers. */
  readonly queues?: readonly string[];
  /** How the workers log. */
  readonly log: StartMessage['log'];
}

/** What the next configuration comes to. */
export interface NextWork {
  /** Queues whose settings or handler are others: their workers are begun anew. */
  readonly anew: readonly string[];
  /** Queues that are not worked on any more. */
  readonly gone: readonly string[];
  /** Queues whose number of workers in the file is another one. */
  readonly renumbered: readonly Worked[];
  /** What this host does for central, if it does, is to be done otherwise. */
  readonly hasOtherDuties: boolean;
}

interface InUse {
  readonly start: StartMessage | undefined;
  readonly text: string;
}

export class WorkedConfig {
  readonly #options: WorkedConfigOptions;
  #config: Config;
  readonly #queues: Map<string, Worked>;
  #inUse: ReadonlyMap<string, InUse>;
  /** Always the newest one. */
  readonly live = liveConfig(() => this.#config);

  constructor(options: WorkedConfigOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#queues = new Map(workedQueues(options.config, options.queues));
    this.#inUse = this.#look();
  }

  /** By name; the same map always, with the queues that there are now. */
  get queues(): ReadonlyMap<string, Worked> {
    return this.#queues;
  }

  /** Of a central queue. */
  namesOf(queue: string): readonly string[] {
    return [...this.#queues.values()].flatMap((one) => (one.queue === queue ? [one.name] : []));
  }

  get names(): readonly string[] {
    return [...this.#queues.keys()];
  }

  /** The first message to a worker that begins now; undefined: its queue is not worked on any more. */
  startOf(wanted: WantedSlot): StartMessage | undefined {
    const queue = this.#queues.get(wanted.queue);
    const { host, log } = this.#options;
    return queue && startMessageOf(wanted, { config: this.#config, host, log, queue });
  }

  apply(next: Config): NextWork {
    const [before, inUse] = [new Map(this.#queues), this.#inUse];
    const { hasOtherDuties } = changesBetween(this.#config, next);
    this.#config = next;
    this.#queues.clear();
    for (const [name, queue] of workedQueues(next, this.#options.queues)) this.#queues.set(name, queue);
    this.#inUse = this.#look();
    return {
      anew: this.names.filter(
        (name) => before.has(name) && !isDeepStrictEqual(inUse.get(name), this.#inUse.get(name)),
      ),
      hasOtherDuties,
      gone: [...before.keys()].filter((name) => !this.#queues.has(name)),
      renumbered: [...this.#queues.values()].filter(
        ({ name, workers }) => before.get(name)?.workers !== workers,
      ),
    };
  }

  #look(): ReadonlyMap<string, InUse> {
    return new Map(
      this.names.map((queue) => {
        const start = this.startOf({ slot: '', queue });
        return [queue, { start, text: digestOf(start?.handler ?? '') }];
      }),
    );
  }
}

function digestOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    // A worker that is begun says why it cannot be read.
    return '';
  }
}
