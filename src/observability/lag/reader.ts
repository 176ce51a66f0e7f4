// Reads the lag of everything: central first, then the shards that no mover has reported on lately.
//
// Invariant: a shard is asked at most once at a time. Attempts that take long stop counting under the limit and end after
// TIMING.reports.askShardMs: dead shards do not delay others, and 256 of them delay the whole by less than six seconds.
import pLimit from 'p-limit';
import { CentralLink } from '../../central/central-link.ts';
import { differingFiles } from '../../central/host-files.ts';
import { readIdentity } from '../../central/identity.ts';
import type { Config, Shard } from '../../config/config.ts';
import { feedsOf } from '../../config/feeds.ts';
import { figuredNames, workedIn } from '../../config/worked.ts';
import { TIMING } from '../../lifecycle/timing.ts';
import { wait } from '../../lifecycle/wait.ts';
import { groupName } from '../../queue/names.ts';
import { type AskedSource, askShard } from './ask-shard.ts';
import type { CentralQueueFacts, ShardAnswer, StoredLag } from './facts.ts';
import { lagOfCentral } from './judge-queue.ts';
import { lagOfSource, type NamedSource, needsAsking } from './judge-source.ts';
import { type CentralAnswer, readCentralLag } from './read-central.ts';
import type { CentralLag, LagReport, SourceLag } from './report.ts';

/** How central is asked. */
export type CentralAccess = Pick<CentralLink, 'use' | 'query' | 'close'>;

export interface LagOptions {
  /** Ask no shard: of a source that no mover has seen lately nothing is known then. */
  readonly isCentralOnly?: boolean;
  /** Ask every shard, also where a mover's figures are fresh. */
  readonly live?: boolean;
  /** Gives the report after this many ms even if shards have not answered; asking them goes on. */
  readonly patienceMs?: number;
}

const ASKED_AT_ONCE = 32;

interface Asked {
  readonly atMs: number;
  readonly answers: ReadonlyMap<string, ShardAnswer>;
}

export class LagReader {
  readonly #config: Config;
  readonly #link: CentralAccess;
  readonly #limit = pLimit(ASKED_AT_ONCE);
  readonly #pending = new Map<string, Promise<void>>();
  readonly #asked = new Map<string, Asked>();
  #isKnown = false;

  /** @param link closed with the reader; default: a connection of its own. */
  constructor(config: Config, link: CentralAccess = new CentralLink(config, 'lag')) {
    this.#config = config;
    this.#link = link;
  }

  /** @throws TributaryError where central cannot be reached or is not installed. */
  async read({ live = false, patienceMs, isCentralOnly = false }: LagOptions = {}): Promise<LagReport> {
    if (!this.#isKnown) await readIdentity(this.#link, this.#config.name);
    this.#isKnown = true;
    const central = await readCentralLag(this.#link, this.#config);
    if (!isCentralOnly) await this.#ask(central, { live, patienceMs });
    return {
      at: central.at,
      sources: this.#sources(central, live),
      filesDiffer: differingFiles(central.files, this.#config),
      central: this.#central(central),
    };
  }

  /** The file's queues, each with its groups behind it, then the groups that only central knows. */
  #central({ queues: all }: CentralAnswer): CentralLag[] {
    const worked = new Map(workedIn(this.#config).map((one) => [one.name, one]));
    const places = new Map(figuredNames(this.#config).map((name, at) => [name, at]));
    const placeOf = ({ queue }: CentralQueueFacts) => places.get(queue) ?? places.size;
    return all
      .toSorted((one, other) => placeOf(one) - placeOf(other))
      .map((facts) => {
        const own = worked.get(facts.queue);
        // One that only central knows is behind the slash of its name, if it has one.
        const left = places.has(facts.queue) ? undefined : /\/([^/]*)$/.exec(facts.queue)?.[1];
        const group = groupName(this.#config, own?.group ?? left);
        const { workers = 'none', lanes } = own ?? {};
        return lagOfCentral({ name: facts.queue, workers, ...(lanes && { lanes }) }, facts, group);
      });
  }

  async close(): Promise<void> {
    await this.#link.close();
  }

  /** As the file is now: while `start` serves, it may be read again. */
  get #wanted(): readonly NamedSource[] {
    return namedSources(this.#config);
  }

  /** The file's sources, in its order, then those that only central knows. */
  #sources({ sources: stored, files, renamed, retired }: CentralAnswer, live: boolean): SourceLag[] {
    const { file, hash, install } = this.#config;
    const byLabel = new Map(stored.map((one) => [label(one), one]));
    const all = this.#wanted;
    const named = new Set(all.map(label));
    const movedShards = new Set(stored.map(({ shard }) => shard));
    const endOf = (one: NamedSource) => {
      const end = one.beginsAnew === true ? undefined : retired.get(label(one));
      return end === undefined ? undefined : { ...end, isQueueAlone: movedShards.has(one.shard) };
    };
    const strangers = stored.filter((one) => !named.has(label(one)));
    return [...all, ...strangers.map(asStranger)].map((wanted) => {
      const known = byLabel.get(label(wanted));
      const answer = known !== undefined && (live || needsAsking(known)) ? this.#answerOf(wanted) : undefined;
      return lagOfSource(wanted, known, {
        ...{ answer, file, hash, running: files },
        renamedTo: renamed.get(wanted.shard),
        ended: endOf(wanted),
        isInstalledByItself: install === 'auto',
      });
    });
  }

  #answerOf({ shard, queue }: NamedSource): ShardAnswer | undefined {
    const asked = this.#asked.get(shard);
    const answer = asked?.answers.get(queue);
    if (asked === undefined || answer === undefined || answer.kind === 'failed') return answer;
    return { ...answer, ageSeconds: (performance.now() - asked.atMs) / 1000 };
  }

  async #ask(
    { sources }: CentralAnswer,
    { live, patienceMs }: { readonly live: boolean; readonly patienceMs: number | undefined },
  ): Promise<void> {
    const named = new Set(this.#wanted.map(label));
    const asked = new Map<string, AskedSource[]>();
    const suspects = new Set<string>();
    for (const one of sources) {
      if (one.position === undefined || !named.has(label(one)) || !(live || needsAsking(one))) continue;
      const { queue, position } = one;
      asked.set(one.shard, [...(asked.get(one.shard) ?? []), { queue, position }]);
      if (one.report?.state === 'unreachable') suspects.add(one.shard);
    }
    // Shards that a mover could not reach come last.
    const shards = this.#config.shards
      .filter(({ name }) => asked.has(name))
      .sort((a, b) => Number(suspects.has(a.name)) - Number(suspects.has(b.name)));
    const all = Promise.all(shards.map((shard) => this.#askOnce(shard, asked.get(shard.name) ?? [])));
    await (patienceMs === undefined ? all : atMost(all, patienceMs));
  }

  /** Never throws; what is under way or was answered just now is not asked again. */
  #askOnce(shard: Shard, sources: readonly AskedSource[]): Promise<void> {
    const pending = this.#pending.get(shard.name);
    if (pending !== undefined) return pending;
    const last = this.#asked.get(shard.name);
    if (last !== undefined && performance.now() - last.atMs < TIMING.reports.answerMs)
      return Promise.resolve();
    const asking = new Promise<void>((resolve) => {
      void this.#limit(() =>
        atMost(this.#askShard(shard, sources).then(resolve), TIMING.reports.slowShardMs),
      );
    }).finally(() => this.#pending.delete(shard.name));
    this.#pending.set(shard.name, asking);
    return asking;
  }

  async #askShard(shard: Shard, sources: readonly AskedSource[]): Promise<void> {
    const applicationName = `tributary lag ${this.#config.name}`;
    const answers = await askShard(shard, sources, { applicationName, timeoutMs: TIMING.reports.askShardMs });
    this.#asked.set(shard.name, { atMs: performance.now(), answers });
  }
}

/** Resolves with `work`, or without it after `ms`. */
async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  const given = new AbortController();
  await Promise.race([work, wait(ms, given.signal)]);
  given.abort();
}

/** All sources that the file names, in its order. */
function namedSources(config: Config): NamedSource[] {
  return config.shards.flatMap(({ name: shard, moverHost, start }) =>
    feedsOf(config).map(({ queue, mode, to }) => ({
      ...{ shard, queue, centralQueue: to[0].name, moverHost, beginsAnew: start !== undefined },
      ...(mode === undefined ? {} : { routes: to.map(({ name }) => name) }),
    })),
  );
}

const label = ({ shard, queue }: { readonly shard: string; readonly queue: string }): string =>
  `${shard}:${queue}`;

const asStranger = ({ shard, queue, centralQueue, routes }: StoredLag): NamedSource => ({
  shard,
  queue,
  centralQueue,
  routes,
  moverHost: undefined,
});
