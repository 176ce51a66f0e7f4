// The mover: one process for the shards of a host and for orphans of others. It wires leases, shard loops, gatherers,
// ticker and upkeep, and keeps central informed.
//
// Order of stopping: shards first (they finish what they read) while their leases are renewed, then gatherers (they
// commit it), then the ticker (it covers the commits), then the connections.
import { CentralLink } from '../central/central-link.ts';
import { readSources } from '../central/positions.ts';
import type { Config, Shard } from '../config/config.ts';
import { CentralDuties } from '../duties/central-duties.ts';
import type { Service } from '../lifecycle/service.ts';
import { ServiceSet, type WatchedService } from '../lifecycle/service-set.ts';
import { untilAborted } from '../lifecycle/wait.ts';
import { type SeenLoop, Watchdog } from '../lifecycle/watchdog.ts';
import { consumerName, shardResource } from '../queue/names.ts';
import { CentralTicker } from '../upkeep/central-ticker.ts';
import { CentralSync } from './central-sync.ts';
import { type MoverContext, newContext } from './context.ts';
import { Gatherers } from './gather/gatherers.ts';
import { halting } from './halting.ts';
import { MovedConfig } from './moved-config.ts';
import type { MoverOptions } from './mover-options.ts';
import { ShardLoop } from './shard/shard-loop.ts';
import { newDuties, newShardLeases } from './shard-leases.ts';
import { gathererIn, makeReady, type RunningParts, takeOver } from './take-over.ts';
import { untilIdentified } from './until-identified.ts';

const TICKER = 'central ticker';
const KEEPER = 'lease keeper';
const CONTROL = 'exchange with central';

export class Mover implements Service {
  readonly name = 'mover';
  readonly #config: MovedConfig;
  readonly #options: MoverOptions;
  readonly #onOccurrence: MoverOptions['onOccurrence'];
  readonly #member: ReturnType<MovedConfig['newMember']>;
  readonly #watchdog: Watchdog;
  /** By the resource whose lease it needs: a shard's loop, central's upkeep. */
  readonly #leased: ServiceSet<ShardLoop | CentralDuties>;
  /** By name: services that a mover runs whatever leases it holds. */
  readonly #own: ServiceSet<WatchedService>;
  readonly #stopped = new AbortController();
  #context: MoverContext | undefined;
  readonly #gatherers: Gatherers;
  /** By resource: the silent member that we took it over from. */
  readonly #takenFrom = new Map<string, string>();
  #applying: Promise<void> = Promise.resolve();

  constructor(options: MoverOptions) {
    const { config, host, version, onOccurrence, stillMs } = options;
    this.#options = options;
    this.#config = new MovedConfig(config);
    this.#onOccurrence = onOccurrence;
    this.#member = this.#config.newMember({ host, version });
    this.#watchdog = new Watchdog({
      ...(stillMs === undefined ? {} : { stillMs }),
      onStill: ({ name: loop }, ms) => onOccurrence({ kind: 'stood-still', loop, ms }),
    });
    this.#leased = new ServiceSet(this.#watchdog, (resource) =>
      resource === CentralDuties.resource
        ? newDuties(this.#config.live, onOccurrence)
        : this.#newLoop(this.#config.shardOf(resource) as Shard),
    );
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
    return this.#keeper?.holds(CentralDuties.resource) ?? false;
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
      name: this.#config.live.name,
      signal: this.#stopped.signal,
      onTrouble: (error) => this.#centralTrouble(error),
    });
    if (identity === undefined) return;
    this.#context = this.#newContext(consumerName(this.#config.live.name, identity.id));
    const { gatherers } = this.#config;
    for (const name of [TICKER, ...gatherers, CONTROL, KEEPER]) this.#own.begin(name);
    await untilAborted(this.#stopped.signal);
    // The keeper ends the loops before it lets go of their leases; what it lost before is still ending.
    await this.#own.end(KEEPER);
    await this.#leased.endAll();
    const others = [TICKER, CONTROL];
    for (const names of [this.#own.names.filter((name) => !others.includes(name)), [TICKER], [CONTROL]])
      await Promise.all(names.map((name) => this.#own.end(name)));
  }

  /** Finishes what has been read, commits it, ends. */
  async stop(): Promise<void> {
    this.#stopped.abort();
  }

  /** Takes the next configuration over; one after the other. Only what is different in it is touched. */
  async apply(next: Config): Promise<void> {
    this.#applying = this.#applying.then(() => this.#apply(next));
    await this.#applying;
  }

  async #apply(next: Config): Promise<void> {
    const changes = this.#config.changesTo(next);
    const parts = this.#context === undefined ? undefined : this.#parts(this.#context);
    if (parts !== undefined) await makeReady(parts, next);
    const before = this.#config.take(next);
    if (parts === undefined || this.#stopped.signal.aborted) return;
    takeOver(parts, { before, after: next, changes });
    this.#keeper?.hurry();
  }

  #parts(context: MoverContext): RunningParts {
    return {
      context,
      leased: this.#leased,
      own: this.#own,
      gatherers: this.#gatherers,
      isWanted: (name) => this.#config.gatherers.includes(name),
      signal: this.#stopped.signal,
    };
  }

  #gone(resource: string): void {
    const shard = this.#config.letGo(resource);
    if (shard !== undefined) this.#onOccurrence({ kind: 'shard-let-go', shard: shard.name });
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
        reports: (this.#context as MoverContext).reports,
        member: this.#member.id,
        host: this.#member.host,
        backpressures: this.#gatherers.backpressures,
        onShort: this.#gatherers.onShort,
        heldBack: (name, shard) => this.#gatherers.heldBack(name, shard),
        memoryWaitingMs: () => this.#context?.budget.waitingMs ?? 0,
        queueTrouble: (name) => this.#gatherers.troubleOf(name),
        onTrouble: (error) => this.#centralTrouble(error),
      });
    }
    return this.#gatherers.create(name, (this.#context as MoverContext).condemner);
  }

  get #keeper(): ReturnType<typeof newShardLeases> | undefined {
    return this.#own.get(KEEPER) as ReturnType<typeof newShardLeases> | undefined;
  }

  get #control(): CentralSync {
    return this.#own.get(CONTROL) as CentralSync;
  }

  #newKeeper(): WatchedService {
    return newShardLeases(this.#config.live, {
      member: this.#member,
      details: () => ({
        ...{ memory: this.#context?.budget.figures, commits: this.#gatherers.commitTimes },
        file: this.#options.file?.stand,
      }),
      onAnswer: ({ asked }) => this.#options.file?.noteAsked(asked),
      onTaken: ({ resource }, { takenFrom }) => {
        // The file named it when it was asked for, and does not any more: it is let go at the next look.
        if (resource !== CentralDuties.resource && this.#config.shardOf(resource) === undefined) return;
        if (takenFrom !== undefined) {
          this.#onOccurrence({ kind: 'lease-taken-over', resource });
          this.#takenFrom.set(resource, takenFrom);
        }
        this.#control.reportSoon();
        this.#config.tryAgain(resource);
        this.#leased.begin(resource);
      },
      onRelease: async ({ resource }) => {
        const reported = this.#control.reportLag();
        await Promise.all([reported, this.#leased.end(resource)]);
        this.#gone(resource);
      },
      onLost: ({ resource }, reason) => {
        this.#onOccurrence({ kind: 'lease-lost', resource, reason });
        const lost = this.#leased.get(resource);
        void this.#leased.end(resource).then(() => this.#gone(resource));
        // Another mover reads the shard by now. What was read goes to central, where positions decide; nothing more is read.
        if (lost instanceof ShardLoop) lost.abandon();
      },
      onTrouble: (error) => this.#centralTrouble(error),
    });
  }

  #newLoop(shard: Shard): ShardLoop {
    const resource = shardResource(shard.name);
    const takenFrom = this.#takenFrom.get(resource);
    this.#takenFrom.delete(resource);
    return new ShardLoop(shard, {
      context: this.#context as MoverContext,
      takenFrom,
      loadSources: () => this.#control.link.use((central) => readSources(central, [shard.name])),
    });
  }

  #newContext(consumer: string): MoverContext {
    return newContext({
      config: this.#config.live,
      consumer,
      member: this.#member.id,
      watchdog: this.#watchdog,
      onOccurrence: this.#onOccurrence,
      gathererOf: (source) => gathererIn(this.#own, source),
      central: () => this.#control.link,
      halt: halting({ central: () => this.#control.link, onOccurrence: this.#onOccurrence }),
      onMissing: (shard) => this.#options.onMissing?.(shard),
      onLeft: (shard) => {
        this.#config.putOff(shard);
        this.#keeper?.hurry();
      },
    });
  }

  #newGatherers(): Gatherers {
    return new Gatherers({
      config: this.#config.live,
      member: this.#member,
      newLink: (purpose) => this.#newLink(purpose),
      isReading: () => this.#context?.roundLimit.hasJustBegun ?? false,
      onUncovered: (queue, { xid, lane }) =>
        (this.#own.get(TICKER) as CentralTicker | undefined)?.committed(queue, xid, lane),
      onOccurrence: this.#onOccurrence,
    });
  }

  #centralTrouble(error: unknown): void {
    this.#onOccurrence({ kind: 'central-trouble', queue: undefined, error });
  }

  #newLink(purpose: string): CentralLink {
    return new CentralLink(this.#config.live, purpose);
  }
}
