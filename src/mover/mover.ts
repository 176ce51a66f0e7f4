// The mover: one process for the shards of a host and for orphans of others. It wires leases, shard loops, gatherers,
// ticker and upkeep, and keeps central informed.
//
// Order of stopping: shards first (they finish what they read) while their leases are renewed, then gatherers (they
// commit it), then the ticker (it covers the commits), then the connections.
import { randomUUID } from 'node:crypto';
import { CentralLink } from '../central/central-link.ts';
import { commitGathered } from '../central/commit.ts';
import { type Identity, readIdentity } from '../central/identity.ts';
import { haltSource, readSources } from '../central/positions.ts';
import type { Config, Shard } from '../config/config.ts';
import { LeaseKeeper } from '../coordination/keeper.ts';
import { type MemberFacts, memberHoldSql } from '../coordination/lease-doors.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { kindOf } from '../errors/sqlstate.ts';
import { backoffMs } from '../lifecycle/backoff.ts';
import type { Service } from '../lifecycle/service.ts';
import { wait } from '../lifecycle/wait.ts';
import { Connection } from '../postgres/connection.ts';
import { consumerName, shardResource } from '../queue/names.ts';
import { CentralTicker } from '../upkeep/central-ticker.ts';
import { CENTRAL_RESOURCE, CentralUpkeep } from '../upkeep/central-upkeep.ts';
import { type Backpressure, backpressureOf } from './backpressure.ts';
import { Condemning } from './condemning.ts';
import { Control } from './control.ts';
import { Gatherer } from './gatherer.ts';
import { GiveWay } from './give-way.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { MoverContext } from './mover-context.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import { sorterFor } from './poison.ts';
import { Roster } from './roster.ts';
import { RoundGate } from './round-gate.ts';
import { ShardLoop } from './shard-loop.ts';
import type { Source } from './source.ts';

export interface MoverOptions {
  readonly config: Config;
  /** Its shards are moved, and those of hosts without a mover; also this mover's name in `lag`. */
  readonly host: string;
  readonly version?: string;
  readonly onOccurrence: OnMoverOccurrence;
}

const COMMIT_TIMEOUT_MS = 30_000;
/** The rest of `mover.memory` is for what is done with and not yet collected as garbage. */
const HELD_SHARE = 0.75;
const CONTROL_EVERY_MS = 1_000;
const LEASE_MS = 10_000;
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
  readonly #onOccurrence: OnMoverOccurrence;
  readonly #member: MemberFacts;
  readonly #link: CentralLink;
  readonly #control: Control;
  readonly #links: CentralLink[] = [];
  readonly #gatherers = new Map<string, Running & { service: Gatherer }>();
  readonly #roster: Roster;
  readonly #stopped = new AbortController();
  #context: MoverContext | undefined;
  #upkeep: Running | undefined;
  readonly #giveWay = new GiveWay();
  readonly #backpressures = new Map<string, Backpressure>();
  /** Why a central queue takes no events, in a sentence. */
  readonly #queueTrouble = new Map<string, string>();
  /** How often the control connection had been opened when the positions were last known to be central's. */

  constructor({ config, host, version, onOccurrence }: MoverOptions) {
    this.#config = config;
    this.#onOccurrence = onOccurrence;
    this.#member = {
      id: randomUUID(),
      kind: 'mover',
      host,
      fileHash: config.hash,
      ...(version === undefined ? {} : { version }),
    };
    this.#link = this.#newLink('control');
    this.#control = new Control({
      link: this.#link,
      host,
      backpressures: this.#backpressures,
      queueTrouble: (queue) => this.#queueTrouble.get(queue),
      onTrouble: (error) => this.#centralTrouble(error),
    });
    this.#roster = new Roster((shard) => this.#newLoop(shard));
  }

  /** As whom it holds leases. */
  get memberId(): string {
    return this.#member.id;
  }

  /** The shards that are being moved. */
  get shards(): readonly ShardLoop[] {
    return this.#roster.loops;
  }

  /**
   * Moves until stopped; central is waited for.
   * @throws misconfigured where central is not installed, is another installation's, or refuses us for good.
   */
  async run(): Promise<void> {
    const identity = await this.#identity();
    if (identity === undefined) {
      await this.#link.close();
      return;
    }
    const ticker = new CentralTicker(this.#newLink('ticker'), {
      onTrouble: (error) => this.#centralTrouble(error),
    });
    this.#context = this.#newContext(consumerName(this.#config.name, identity.id));
    for (const { name } of this.#config.queues) this.#gatherers.set(name, this.#startGatherer(name, ticker));
    const ticking = start(ticker);
    const keeping = start(this.#newKeeper());
    while (!this.#stopped.signal.aborted) {
      await this.#control.runOnce(this.#roster.loops);
      await wait(CONTROL_EVERY_MS, this.#stopped.signal);
    }
    // The keeper ends the loops before it lets go of their leases; what it lost before is still ending.
    await stopAll([keeping]);
    await this.#roster.endAll();
    await stopAll([...this.#gatherers.values()]);
    await stopAll([ticking]);
    await Promise.all(this.#links.map((link) => link.close()));
  }

  /** Finishes what has been read, commits it, ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  /** Central may be away when a mover starts as it may be later; undefined: stopped while it was. */
  async #identity(): Promise<Identity | undefined> {
    const { signal } = this.#stopped;
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        return await readIdentity(this.#link, this.#config.name);
      } catch (error) {
        if (kindOf(error) !== 'retryable') throw error;
        this.#centralTrouble(error);
        await wait(backoffMs(failures, { firstMs: 200, maxMs: 5_000 }), signal);
      }
    }
    return undefined;
  }

  #newKeeper(): LeaseKeeper {
    const shards = new Map(this.#config.shards.map((shard) => [shardResource(shard.name), shard]));
    const resources = [
      ...[...shards].map(([name, { moverHost }]) => ({ name, home: moverHost })),
      { name: CENTRAL_RESOURCE },
    ];
    const begin = (resource: string) => {
      const shard = shards.get(resource);
      this.#control.tellSoon();
      if (shard === undefined) this.#upkeep = start(this.#newUpkeep());
      else this.#roster.begin(shard);
    };
    const end = async (resource: string) => {
      const shard = shards.get(resource);
      if (shard !== undefined) {
        await this.#control.tellLag(this.#roster.loops.filter((loop) => loop.shard === shard));
        await this.#roster.end(shard.name);
      } else if (this.#upkeep !== undefined) await stopAll([this.#upkeep]);
    };
    return new LeaseKeeper({
      member: this.#member,
      open: () =>
        Connection.open(this.#config.central, { applicationName: `tributary lease ${this.#config.name}` }),
      resources: () => resources,
      ttlMs: LEASE_MS,
      adoptAfterMs: this.#config.mover.adoptAfterMs,
      onTaken: ({ resource }) => begin(resource),
      onRelease: ({ resource }) => end(resource),
      onLost: ({ resource }, reason) => {
        this.#onOccurrence({ kind: 'lease-lost', resource, reason });
        void end(resource);
      },
      onTrouble: (error) => this.#centralTrouble(error),
    });
  }

  #newLoop(shard: Shard): ShardLoop {
    return new ShardLoop(shard, {
      context: this.#context as MoverContext,
      loadSources: () => this.#link.use((central) => readSources(central, [shard.name])),
    });
  }

  #newContext(consumer: string): MoverContext {
    const { memoryBytes, wholeBytes } = this.#config.mover;
    return {
      config: this.#config,
      consumer,
      budget: new MemoryBudget(memoryBytes * HELD_SHARE, wholeBytes),
      gate: new RoundGate({ limit: ROUNDS_AT_ONCE, patienceMs: ROUND_PATIENCE_MS }),
      onOccurrence: this.#onOccurrence,
      gathererOf: (queue) => (this.#gatherers.get(queue) as { service: Gatherer }).service,
      halt: (source, { code, reason }) => this.#halt(source, { code, what: reason }),
      condemning: new Condemning({
        config: this.#config,
        halt: (source, what) => this.#halt(source, { code: 'poison', what }),
        onOccurrence: this.#onOccurrence,
      }),
    };
  }

  #startGatherer(queue: string, ticker: CentralTicker): Running & { service: Gatherer } {
    const options = { timeoutMs: COMMIT_TIMEOUT_MS, holdSql: memberHoldSql(this.#member.id) };
    const { condemning } = this.#context as MoverContext;
    const backpressure = backpressureOf(this.#config.queues.find(({ name }) => name === queue));
    if (backpressure !== undefined) this.#backpressures.set(queue, backpressure);
    const gatherer = new Gatherer(queue, {
      ...(backpressure === undefined ? {} : { backpressure }),
      giveWay: this.#giveWay,
      doorOf: (lane) => {
        const link = this.#newLink(lane === 'quick' ? `commit ${queue}` : `commit ${queue} ${lane}`);
        return {
          sortOut: sorterFor({ link, commitOptions: options, condemning }),
          commit: (content) => link.use((central) => commitGathered(central, content, options)),
          rest: () => link.close(),
        };
      },
      onCommitted: (done) => {
        this.#queueTrouble.delete(queue);
        if (!done.isCovered) ticker.committed(queue, done.xid, done.lane);
        this.#onOccurrence({ kind: 'committed', ...done });
      },
      onTrouble: (error, source) =>
        source === undefined
          ? this.#centralTrouble(error, queue)
          : this.#onOccurrence({ kind: 'source-trouble', shard: source.shard, queue: source.queue, error }),
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

  #halt(source: Source, { code, what }: { code: string; what: string }): void {
    const { shard, queue } = source;
    const reason = `Source ${shard}:${queue} is halted: ${what}. \`tributary repair ${shard}:${queue} --dry-run\` shows the ways on.`;
    source.trouble = { state: 'halted', reason };
    this.#onOccurrence({ kind: 'source-halted', shard, queue, reason });
    this.#link
      .use((central) => haltSource(central, source.id, { code, reason }))
      .catch((error: unknown) => this.#centralTrouble(error));
  }

  #centralTrouble(error: unknown, queue?: string): void {
    if (queue !== undefined)
      this.#queueTrouble.set(
        queue,
        `Central queue ${queue} takes no events: ${sentenceFor(error, 'Central')} It is tried again.`,
      );
    this.#onOccurrence({ kind: 'central-trouble', queue, error });
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
