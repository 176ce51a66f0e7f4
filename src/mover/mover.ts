// The mover: one process for the shards of a host and for orphans of others. It wires leases, shard loops, gatherers,
// ticker and upkeep, and keeps central informed.
//
// Order of stopping: shards first (they finish what they read) while their leases are renewed, then gatherers (they
// commit it), then the ticker (it covers the commits), then the connections.
import { randomUUID } from 'node:crypto';
import { CentralLink } from '../central/central-link.ts';
import { type Halt, haltSource, readSources } from '../central/positions.ts';
import type { Config, Shard } from '../config/config.ts';
import { type MemberFacts, memberHoldSql } from '../coordination/lease-queries.ts';
import { CentralDuties } from '../duties/central-duties.ts';
import type { Service } from '../lifecycle/service.ts';
import { ServiceSet, type WatchedService } from '../lifecycle/service-set.ts';
import { TIMING } from '../lifecycle/timing.ts';
import { untilAborted } from '../lifecycle/wait.ts';
import { type SeenLoop, Watchdog } from '../lifecycle/watchdog.ts';
import { consumerName, shardResource } from '../queue/names.ts';
import { CentralTicker } from '../upkeep/central-ticker.ts';
import { CentralSync } from './central-sync.ts';
import { type MoverContext, newContext } from './context.ts';
import { Gatherers } from './gather/gatherers.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import { ShardLoop } from './shard/shard-loop.ts';
import { newShardLeases } from './shard-leases.ts';
import type { Source } from './source/source.ts';
import { untilIdentified } from './until-identified.ts';

export interface MoverOptions {
  readonly config: Config;
  /** Its shards are moved, and those of hosts without a mover; also this mover's name in `lag`. */
  readonly host: string;
  readonly version?: string;
  readonly onOccurrence: OnMoverOccurrence;
  /** A loop that takes no turn for this long is begun anew; default: longer than any wait in it. */
  readonly stillMs?: number;
}

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
  readonly #leased: ServiceSet<ShardLoop | CentralDuties>;
  /** By name: services that a mover runs whatever leases it holds. */
  readonly #own: ServiceSet<WatchedService>;
  readonly #stopped = new AbortController();
  #context: MoverContext | undefined;
  readonly #gatherers: Gatherers;

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
    this.#gatherers = this.#newGatherers();
  }

  /** The member id under which it holds leases. */
  get memberId(): string {
    return this.#member.id;
  }

  /** The shards that are being moved. */
  get shards(): readonly ShardLoop[] {
    return this.#leased.services.filter((service) => service instanceof ShardLoop);
  }

  /** Whether it looks after central now, as far as it can be sure. */
  get holdsCentral(): boolean {
    const keeper = this.#own.get(KEEPER) as ReturnType<typeof newShardLeases> | undefined;
    return keeper?.holds(CentralDuties.resource) ?? false;
  }

  /** Memory for events under way; undefined before it has begun. */
  get budget(): MoverContext['budget'] | undefined {
    return this.#context?.budget;
  }

  /** All its loops, for those who look whether they turn. */
  get loops(): readonly SeenLoop[] {
    return this.#watchdog.loops;
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
        member: this.#member.id,
        host: this.#member.host,
        backpressures: this.#gatherers.backpressures,
        memoryWaitingMs: () => this.#context?.budget.waitingMs ?? 0,
        queueTrouble: (queue) => this.#gatherers.troubleOf(queue),
        onTrouble: (error) => this.#centralTrouble(error),
      });
    }
    return this.#gatherers.create(name.slice(GATHERER.length), (this.#context as MoverContext).condemner);
  }

  /** As `doctor` reads it. */
  get #memory() {
    const budget = this.#context?.budget;
    if (budget === undefined) return undefined;
    const { used, limit, waitingMs } = budget;
    return { used, limit, waitingSeconds: Math.round(waitingMs / 1_000) };
  }

  get #control(): CentralSync {
    return this.#own.get(CONTROL) as CentralSync;
  }

  #newKeeper(): WatchedService {
    return newShardLeases(this.#config, {
      member: this.#member,
      details: () => ({ memory: this.#memory, commits: this.#gatherers.commitTimes }),
      onTaken: ({ resource }, { isTakeOver }) => {
        if (isTakeOver) this.#onOccurrence({ kind: 'lease-taken-over', resource });
        this.#control.reportSoon();
        this.#leased.begin(resource);
      },
      onRelease: async ({ resource }) => {
        const reported = this.#control.reportLag();
        await Promise.all([reported, this.#leased.end(resource)]);
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
    return newContext({
      config: this.#config,
      consumer,
      watchdog: this.#watchdog,
      onOccurrence: this.#onOccurrence,
      gathererOf: (queue) =>
        this.#own.get(GATHERER + queue) as WatchedService as ReturnType<Gatherers['create']>,
      central: () => this.#control.link,
      halt: (source, why) => this.#halt(source, why),
    });
  }

  #newGatherers(): Gatherers {
    return new Gatherers({
      config: this.#config,
      commitOptions: {
        timeoutMs: TIMING.gathering.commitMs,
        holdSql: memberHoldSql(this.#member.id),
        mover: this.#member.host,
      },
      newLink: (purpose) => this.#newLink(purpose),
      onUncovered: (queue, { xid, lane }) =>
        (this.#own.get(TICKER) as CentralTicker | undefined)?.committed(queue, xid, lane),
      onOccurrence: this.#onOccurrence,
    });
  }

  #newUpkeep(): CentralDuties {
    return new CentralDuties(this.#config, {
      onTrouble: (what, error) =>
        this.#onOccurrence({ kind: 'upkeep-trouble', database: 'central', what, error }),
      onRotation: (queue, detail) =>
        this.#onOccurrence({ kind: 'upkeep', database: 'central', what: `rotation of ${queue}`, detail }),
    });
  }

  #halt(source: Source, { code, reason: what }: Halt): void {
    const { shard, queue } = source;
    const reason = `Source ${shard}:${queue} is halted: ${what}. \`tributary repair ${shard}:${queue} --dry-run\` shows the ways on.`;
    source.halt(reason);
    this.#onOccurrence({ kind: 'source-halted', shard, queue, code, reason });
    this.#control.link
      .use((central) => haltSource(central, source.id, { code, reason }))
      .catch((error: unknown) => this.#centralTrouble(error));
  }

  #centralTrouble(error: unknown): void {
    this.#onOccurrence({ kind: 'central-trouble', queue: undefined, error });
  }

  #newLink(purpose: string): CentralLink {
    return new CentralLink(this.#config, purpose);
  }
}
