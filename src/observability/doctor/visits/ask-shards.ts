// Asks shards what holds them up: those of which movers have not just seen that all is well, and one of each server for its sessions.
import pLimit from 'p-limit';
import type { Config, Shard } from '../../../config/config.ts';
import { capturesId } from '../../../install/capture/seen.ts';
import { reachingServers } from '../../../install/facts/reach.ts';
import { wantedSources } from '../../../install/facts/sources.ts';
import type { StoredShardReport } from '../../../shards/reports.ts';
import type { DatabaseHealth } from '../facts.ts';
import { askDatabase, SeenServers } from '../read-database.ts';
import { inTime, notInTime } from './in-time.ts';
import { planVisits, type ReportedShard, reportedHealth } from './plan.ts';

export interface VisitedShard {
  readonly shard: string;
  readonly health?: DatabaseHealth;
  /** Why it could not be asked. */
  readonly reason?: string;
  /** It was asked just now. */
  readonly isAsked: boolean;
}

const ASKED_AT_ONCE = 64;
/** Few, because these servers are busy with something else, also when a look at all of them takes longer for it. */
const ASKED_AT_ONCE_OF_SERVER = 4;
/** Databases of a server, where one after the other does not let us in. */
const MOST_TRIED = 3;

export class ShardVisits {
  readonly #config: Config;
  readonly #endMs: number;
  readonly #queues: readonly string[];
  readonly #ofServer = reachingServers(ASKED_AT_ONCE_OF_SERVER);
  readonly #atOnce = pLimit(ASKED_AT_ONCE);
  readonly #servers = new SeenServers();
  /** A server that does not answer is waited for once, and not for each of its databases. */
  readonly #dead = new Map<string, string>();
  #isOver = false;

  /** @param endMs by then all has been asked, by the monotonic clock. */
  constructor(config: Config, endMs: number) {
    this.#config = config;
    this.#endMs = endMs;
    this.#queues = [...new Set(wantedSources(config).map(({ queue }) => queue))];
  }

  /** What is known of all of them; as few are asked as possible. Never throws. */
  async look(
    shards: readonly Shard[],
    reports: ReadonlyMap<string, StoredShardReport>,
  ): Promise<VisitedShard[]> {
    const { toAsk, servers } = planVisits(shards, {
      ...{ reports, queues: this.#queues },
      captured: capturesId(this.#config),
    });
    const [asked, ofServers] = await Promise.all([
      this.ask(toAsk),
      Promise.all(servers.map((members) => this.#lookAtServer(members))),
    ]);
    return [...asked, ...ofServers.flat()];
  }

  /** All of these. Never throws. */
  async ask(shards: readonly Shard[]): Promise<VisitedShard[]> {
    const late = ({ name }: Shard): VisitedShard => ({
      ...{ shard: name, isAsked: true },
      reason: notInTime(`Shard ${name}`).message,
    });
    return await Promise.all(
      shards.map((shard) =>
        inTime(
          () =>
            this.#ofServer(shard, () =>
              this.#atOnce(async () => (this.#isOver ? late(shard) : await this.#askOne(shard))),
            ),
          () => {
            this.#isOver = true;
            return late(shard);
          },
          this.#endMs,
        ),
      ),
    );
  }

  async #lookAtServer(members: readonly ReportedShard[]): Promise<VisitedShard[]> {
    const looks: VisitedShard[] = [];
    for (const { shard } of members.slice(0, MOST_TRIED)) {
      const [look] = (await this.ask([shard])) as [VisitedShard];
      looks.push(look);
      const { health } = look;
      if (health === undefined) continue;
      const others = members.slice(looks.length);
      const isLocked = ({ report }: ReportedShard) => health.sessions.lockedIn.includes(report.database);
      const locked = await this.ask(others.filter(isLocked).map((one) => one.shard));
      const known = others
        .filter((one) => !isLocked(one))
        .map((one) => ({ shard: one.shard.name, health: reportedHealth(one, health), isAsked: false }));
      return [...looks, ...locked, ...known];
    }
    return looks;
  }

  async #askOne(shard: Shard): Promise<VisitedShard> {
    const { name, host, port } = shard;
    const server = `${host}:${port}`;
    const known = this.#dead.get(server);
    if (known !== undefined) return { shard: name, reason: known, isAsked: true };
    const asked = await askDatabase(shard, {
      installation: this.#config.name,
      captures: this.#config.captures,
      ...{ queues: this.#queues, servers: this.#servers },
    });
    if (asked.reason === undefined) return { shard: name, health: asked.health, isAsked: true };
    if (asked.isUnreachable) this.#dead.set(server, asked.reason);
    return { shard: name, reason: asked.reason, isAsked: true };
  }
}
