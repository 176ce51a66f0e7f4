// The mover: one process for the shards of a host and for orphans of others. It wires leases, shard loops, gatherers,
// ticker and upkeep, and keeps central informed.
//
// Order of stopping: shards first (they finish what they read) while their leases are renewed, then gatherers (they
// commit it), then the ticker (it covers the commits), then the connections.
import { randomUUID } from 'node:crypto';
import { CentralLink } from '../central/central-link.ts';
import { type Halt, haltSource, readSources } from '../central/positions.ts';
import type { Config, Shard } from '../config/config.ts';
import { isAny } from '../config/sections/host.ts';
import { LeaseKeeper } from '../coordination/keeper.ts';
import { type MemberFacts, memberHoldSql } from '../coordination/lease-queries.ts';
import { sentenceFor } from '../errors/sentence.ts';
import type { Service } from '../lifecycle/service.ts';
import { ServiceSet, type WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { untilAborted } from '../lifecycle/wait.ts';
import { Watchdog } from '../lifecycle/watchdog.ts';
import { Connection } from '../postgres/connection.ts';
import { consumerName, shardResource } from '../queue/names.ts';
import { CentralTicker } from '../upkeep/central-ticker.ts';
import { CENTRAL_RESOURCE, CentralUpkeep } from '../upkeep/central-upkeep.ts';
import { CentralSync } from './central-sync.ts';
import { Condemner } from './condemn.ts';
import type { MoverContext } from './context.ts';
import { Gatherer } from './gather/gatherer.ts';
import { LaneConnection } from './gather/lane-connection.ts';
import { type Backpressure, backpressureOf } from './limits/backpressure.ts';
import { CommitPace } from './limits/commit-pace.ts';
import { MemoryBudget } from './limits/memory-budget.ts';
import { RoundLimit } from './limits/round-limit.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import { ShardLoop } from './shard/shard-loop.ts';
import type { Source } from './source/source.ts';
import { untilIdentified } from './until-identified.ts';

export interface MoverOptions {
  readonly config: Config;
  /** Its shards are moved, and those of hosts without a mover; also this mover's name in `lag`. */
  readonly host: string;
  readonly version?: string;
  readonly onOccurrence: OnMoverOccurrence;
  /** A loop that takes no turn for so long is begun anew; default: what no wait in it can last. */
  readonly stillMs?: number;
}

/** The rest of `mover.memory` is for what is done with and not yet collected as garbage. */
const POOL_SHARE = 0.75;
/** More shards asked at once only make each answer later: the servers of one host have so many cores. */
const ROUNDS_AT_ONCE = 16;

const GATHERER = 'gatherer ';
const TICKER = 'central ticker';
const KEEPER = 'lease keeper';
const CONTROL = 'exchange with central';

export class Mover implements Service {
  readonly name = 'mover';
  readonly #config: Config;
  readonly #onOccurrence: OnMoverOccurrence;
  readonly #member: MemberFacts;
  readonly #watchdog: Watchdog;
  /** By the resource whose lease it needs: a shard's loop, central's upkeep. */
  readonly #leased: ServiceSet<ShardLoop | CentralUpkeep>;
  /** By its name: what a mover has whatever it holds. */
  readonly #own: ServiceSet<WatchedService>;
  readonly #stopped = new AbortController();
  #context: MoverContext | undefined;
  readonly #commitPace = new CommitPace();
  readonly #backpressures = new Map<string, Backpressure>();
  /** Why a central queue takes no events, in a sentence. */
  readonly #queueTrouble = new Map<string, string>();

  constructor({ config, host, version, onOccurrence, stillMs }: MoverOptions) {
    this.#config = config;
    this.#onOccurrence = onOccurrence;
    this.#member = {
      id: randomUUID(),
      kind: 'mover',
      host,
      fileHash: config.hash,
      ...(version === undefined ? {} : { version }),
    };
    this.#watchdog = new Watchdog({
      ...(stillMs === undefined ? {} : { stillMs }),
      onStill: ({ name: loop }, ms) => onOccurrence({ kind: 'stood-still', loop, ms }),
    });
    const shards = new Map(config.shards.map((shard) => [shardResource(shard.name), shard]));
    this.#leased = new ServiceSet(this.#watchdog, (resource) => {
      const shard = shards.get(resource);
      return shard === undefined ? this.#newUpkeep() : this.#newLoop(shard);
    });
    this.#own = new ServiceSet(this.#watchdog, (name) => this.#newOwn(name));
  }

  /** As whom it holds leases. */
  get memberId(): string {
    return this.#member.id;
  }

  /** The shards that are being moved. */
  get shards(): readonly ShardLoop[] {
    return this.#leased.services.filter((service) => service instanceof ShardLoop);
  }

  /**
   * Moves until stopped; central is waited for.
   * @throws misconfigured where central is not installed, is another installation's, or refuses us for good.
   */
  async run(): Promise<void> {
    const identity = await untilIdentified(this.#newLink('control'), {
      name: this.#config.name,
      signal: this.#stopped.signal,
      onTrouble: (error) => this.#centralTrouble(error),
    });
    if (identity === undefined) return;
    this.#context = this.#newContext(consumerName(this.#config.name, identity.id));
    const gatherers = this.#config.queues.map(({ name }) => GATHERER + name);
    for (const name of [TICKER, ...gatherers, CONTROL, KEEPER]) this.#own.begin(name);
    await untilAborted(this.#stopped.signal);
    // The keeper ends the loops before it lets go of their leases; what it lost before is still ending.
    await this.#own.end(KEEPER);
    await this.#leased.endAll();
    for (const names of [gatherers, [TICKER], [CONTROL]])
      await Promise.all(names.map((name) => this.#own.end(name)));
  }

  /** Finishes what has been read, commits it, ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  #newOwn(name: string): WatchedService {
    if (name === KEEPER) return this.#newKeeper();
    if (name === TICKER)
      return new CentralTicker(this.#newLink('ticker'), {
        onTrouble: (error) => this.#centralTrouble(error),
      });
    if (name === CONTROL) {
      return new CentralSync({
        link: this.#newLink('control'),
        loops: () => this.shards,
        host: this.#member.host,
        backpressures: this.#backpressures,
        queueTrouble: (queue) => this.#queueTrouble.get(queue),
        onTrouble: (error) => this.#centralTrouble(error),
      });
    }
    return this.#newGatherer(name.slice(GATHERER.length));
  }

  get #control(): CentralSync {
    return this.#own.get(CONTROL) as CentralSync;
  }

  #newKeeper(): LeaseKeeper {
    const resources = [
      // What any machine may move is at home nowhere, and shared by all.
      ...this.#config.shards.map(({ name, moverHost }) => ({
        name: shardResource(name),
        ...(!isAny(moverHost) && { home: moverHost }),
      })),
      { name: CENTRAL_RESOURCE, isApart: true },
    ];
    const loopsOf = (resource: string) =>
      this.shards.filter(({ shard }) => shardResource(shard.name) === resource);
    return new LeaseKeeper({
      member: this.#member,
      open: () =>
        Connection.open(this.#config.central, { applicationName: `tributary lease ${this.#config.name}` }),
      resources: () => resources,
      ttlMs: TIMING.leases.leaseMs,
      adoptAfterMs: this.#config.mover.adoptAfterMs,
      onTaken: ({ resource }) => {
        this.#control.tellSoon();
        this.#leased.begin(resource);
      },
      onRelease: async ({ resource }) => {
        const told = this.#control.tellLag(loopsOf(resource));
        await Promise.all([told, this.#leased.end(resource)]);
      },
      onLost: ({ resource }, reason) => {
        this.#onOccurrence({ kind: 'lease-lost', resource, reason });
        void this.#leased.end(resource);
      },
      onTrouble: (error) => this.#centralTrouble(error),
    });
  }

  #newLoop(shard: Shard): ShardLoop {
    return new ShardLoop(shard, {
      context: this.#context as MoverContext,
      loadSources: () => this.#control.link.use((central) => readSources(central, [shard.name])),
    });
  }

  #newContext(consumer: string): MoverContext {
    const { memoryBytes, wholeBytes } = this.#config.mover;
    return {
      config: this.#config,
      consumer,
      watchdog: this.#watchdog,
      budget: new MemoryBudget(memoryBytes * POOL_SHARE, wholeBytes),
      roundLimit: new RoundLimit({ limit: ROUNDS_AT_ONCE, patienceMs: TIMING.shard.roundPatienceMs }),
      onOccurrence: this.#onOccurrence,
      gathererOf: (queue) => this.#own.get(GATHERER + queue) as WatchedService as Gatherer,
      central: () => this.#control.link,
      halt: (source, { code, reason }) => this.#halt(source, { code, what: reason }),
      condemner: new Condemner({
        config: this.#config,
        halt: (source, what) => this.#halt(source, { code: 'poison', what }),
        onOccurrence: this.#onOccurrence,
      }),
    };
  }

  #newGatherer(queue: string): Gatherer {
    const commitOptions = { timeoutMs: TIMING.gathering.commitMs, holdSql: memberHoldSql(this.#member.id) };
    const { condemner } = this.#context as MoverContext;
    const backpressure = backpressureOf(this.#config.queues.find(({ name }) => name === queue));
    if (backpressure !== undefined) this.#backpressures.set(queue, backpressure);
    return new Gatherer(queue, {
      ...(backpressure === undefined ? {} : { backpressure }),
      commitPace: this.#commitPace,
      mostEvents: this.#config.mover.wholeEvents,
      connectionOf: (lane) => {
        const link = this.#newLink(lane === 'quick' ? `commit ${queue}` : `commit ${queue} ${lane}`);
        return new LaneConnection(link, { commitOptions, condemner });
      },
      onCommitted: (done) => {
        this.#queueTrouble.delete(queue);
        if (!done.isCovered)
          (this.#own.get(TICKER) as CentralTicker | undefined)?.committed(queue, done.xid, done.lane);
        this.#onOccurrence({ kind: 'committed', ...done });
      },
      onTrouble: (error, source) =>
        source === undefined
          ? this.#centralTrouble(error, queue)
          : this.#onOccurrence({ kind: 'source-trouble', shard: source.shard, queue: source.queue, error }),
    });
  }

  #newUpkeep(): CentralUpkeep {
    return new CentralUpkeep(this.#newLink('upkeep'), {
      queues: this.#config.queues,
      onTrouble: (what, error) =>
        this.#onOccurrence({ kind: 'upkeep-trouble', database: 'central', what, error }),
      onRotation: (queue, detail) =>
        this.#onOccurrence({ kind: 'upkeep', database: 'central', what: `rotation of ${queue}`, detail }),
    });
  }

  #halt(source: Source, { code, what }: { code: Halt['code']; what: string }): void {
    const { shard, queue } = source;
    const reason = `Source ${shard}:${queue} is halted: ${what}. \`tributary repair ${shard}:${queue} --dry-run\` shows the ways on.`;
    source.halt(reason);
    this.#onOccurrence({ kind: 'source-halted', shard, queue, reason });
    this.#control.link
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
    return new CentralLink(this.#config, purpose);
  }
}
