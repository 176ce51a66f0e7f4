// The mover: one process for all shards of a host. It wires loops, gatherers, ticker and upkeep, and keeps central informed.
//
// Order of stopping: shards first (they finish what they read), then gatherers (they commit it), then the ticker (it
// covers the commits), then the connections.
import { CentralLink } from '../central/central-link.ts';
import { commitGathered } from '../central/commit.ts';
import { readIdentity } from '../central/identity.ts';
import { haltSource, readSources } from '../central/positions.ts';
import { readSourceStates, storeLag } from '../central/source-states.ts';
import type { Config, Shard } from '../config/config.ts';
import type { Service } from '../lifecycle/service.ts';
import { wait } from '../lifecycle/wait.ts';
import { consumerName } from '../queue/names.ts';
import { CentralTicker } from '../upkeep/central-ticker.ts';
import { CentralUpkeep } from '../upkeep/central-upkeep.ts';
import { Gatherer } from './gatherer.ts';
import { lagOf } from './lag-of.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { MoverContext } from './mover-context.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import { RoundGate } from './round-gate.ts';
import { ShardLoop } from './shard-loop.ts';
import type { Source } from './source.ts';

export interface MoverOptions {
  readonly config: Config;
  /** Name of this mover in `lag`. */
  readonly host: string;
  readonly onOccurrence: OnMoverOccurrence;
}

const COMMIT_TIMEOUT_MS = 30_000;
const CONTROL_EVERY_MS = 1_000;
const LAG_EVERY_MS = 2_000;
/** More shards asked at once only make each answer later: the servers of one host have so many cores. */
const ROUNDS_AT_ONCE = 16;
const ROUND_PATIENCE_MS = 500;

interface Running {
  readonly service: Service;
  readonly ended: Promise<void>;
}

export class Mover implements Service {
  readonly name = 'mover';
  readonly #config: Config;
  readonly #host: string;
  readonly #onOccurrence: OnMoverOccurrence;
  readonly #control: CentralLink;
  readonly #links: CentralLink[] = [];
  readonly #gatherers = new Map<string, Running & { service: Gatherer }>();
  readonly #loops = new Map<string, Running & { service: ShardLoop }>();
  readonly #stopped = new AbortController();
  #context: MoverContext | undefined;
  #lagAtMs = 0;

  constructor({ config, host, onOccurrence }: MoverOptions) {
    this.#config = config;
    this.#host = host;
    this.#onOccurrence = onOccurrence;
    this.#control = this.#newLink('control');
  }

  /** The shards that are being moved. */
  get shards(): readonly ShardLoop[] {
    return [...this.#loops.values()].map(({ service }) => service);
  }

  /**
   * Moves `shards` until stopped.
   * @throws misconfigured where central is not installed or is another installation's.
   */
  async run(shards: readonly Shard[] = this.#config.shards): Promise<void> {
    const identity = await readIdentity(this.#control, this.#config.name);
    const ticker = new CentralTicker(this.#newLink('ticker'), {
      onTrouble: (error) => this.#onOccurrence({ kind: 'central-trouble', queue: undefined, error }),
    });
    this.#context = this.#newContext(consumerName(this.#config.name, identity.id));
    for (const { name } of this.#config.queues) this.#gatherers.set(name, this.#startGatherer(name, ticker));
    const upkeep = this.#newUpkeep();
    const supporting = [ticker, upkeep].map(start);
    this.assign(shards);
    while (!this.#stopped.signal.aborted) {
      await this.#controlOnce();
      await wait(CONTROL_EVERY_MS, this.#stopped.signal);
    }
    await stopAll([...this.#loops.values()]);
    await stopAll([...this.#gatherers.values()]);
    await stopAll(supporting);
    this.#lagAtMs = 0;
    await this.#controlOnce();
    await Promise.all(this.#links.map((link) => link.close()));
  }

  /** Finishes what has been read, commits it, ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  /** From now on moves exactly these shards: starts the new ones, lets go of the others. */
  assign(shards: readonly Shard[]): void {
    const wanted = new Map(shards.map((shard) => [shard.name, shard]));
    for (const [name, { service, ended }] of this.#loops) {
      if (wanted.has(name)) continue;
      void service.stop();
      void ended.then(() => this.#loops.delete(name));
    }
    for (const [name, shard] of wanted) {
      if (this.#loops.has(name)) continue;
      const context = this.#context as MoverContext;
      const loop = new ShardLoop(shard, {
        context,
        loadSources: () => this.#control.use((central) => readSources(central, [name])),
      });
      this.#loops.set(name, start(loop));
    }
  }

  #newContext(consumer: string): MoverContext {
    const { memoryBytes, wholeBytes } = this.#config.mover;
    return {
      config: this.#config,
      consumer,
      budget: new MemoryBudget(memoryBytes, wholeBytes),
      gate: new RoundGate({ limit: ROUNDS_AT_ONCE, patienceMs: ROUND_PATIENCE_MS }),
      onOccurrence: this.#onOccurrence,
      gathererOf: (queue) => (this.#gatherers.get(queue) as { service: Gatherer }).service,
      halt: (source, reason) => this.#halt(source, reason),
    };
  }

  #startGatherer(queue: string, ticker: CentralTicker): Running & { service: Gatherer } {
    const link = this.#newLink(`commit ${queue}`);
    const gatherer = new Gatherer(queue, {
      commit: (content) =>
        link.use((central) => commitGathered(central, content, { timeoutMs: COMMIT_TIMEOUT_MS })),
      onCommitted: (done) => {
        ticker.committed(queue, done.xid);
        this.#onOccurrence({ kind: 'committed', ...done });
      },
      onTrouble: (error, source) =>
        this.#onOccurrence(
          source === undefined
            ? { kind: 'central-trouble', queue, error }
            : { kind: 'source-trouble', shard: source.shard, queue: source.queue, error },
        ),
    });
    return start(gatherer);
  }

  #newUpkeep(): CentralUpkeep {
    return new CentralUpkeep(this.#newLink('upkeep'), {
      queues: this.#config.queues.map(({ name }) => name),
      onTrouble: (what, error) =>
        this.#onOccurrence({ kind: 'upkeep-trouble', database: 'central', what, error }),
      onRotation: (queue, detail) =>
        this.#onOccurrence({ kind: 'upkeep', database: 'central', what: `rotation of ${queue}`, detail }),
    });
  }

  #halt(source: Source, what: string): void {
    const { shard, queue } = source;
    const reason = `Source ${shard}:${queue} is halted: ${what}. \`tributary repair ${shard}:${queue} --dry-run\` shows the ways on.`;
    source.trouble = { state: 'halted', reason };
    this.#onOccurrence({ kind: 'source-halted', shard, queue, reason });
    this.#control
      .use((central) => haltSource(central, source.id, { code: 'diverged', reason }))
      .catch((error: unknown) => this.#onOccurrence({ kind: 'central-trouble', queue: undefined, error }));
  }

  /** Takes over what operators changed and tells central how things stand. */
  async #controlOnce(): Promise<void> {
    try {
      const loops = this.shards;
      const states = await readSourceStates(
        this.#control,
        loops.map(({ shard }) => shard.name),
      );
      const known = loops.reduce((count, { sources }) => count + sources.length, 0);
      for (const loop of loops) loop.refresh(states.exceptions, known !== states.total);
      if (Date.now() < this.#lagAtMs) return;
      this.#lagAtMs = Date.now() + LAG_EVERY_MS;
      await storeLag(
        this.#control,
        this.#host,
        loops.flatMap((loop) => lagOf(loop, Date.now())),
      );
    } catch (error) {
      this.#onOccurrence({ kind: 'central-trouble', queue: undefined, error });
    }
  }

  #newLink(purpose: string): CentralLink {
    const link = new CentralLink(this.#config, purpose);
    this.#links.push(link);
    return link;
  }
}

function start<S extends Service>(service: S): Running & { service: S } {
  return { service, ended: service.run() };
}

async function stopAll(running: readonly Running[]): Promise<void> {
  await Promise.all(running.map(({ service }) => service.stop()));
  await Promise.all(running.map(({ ended }) => ended));
}
