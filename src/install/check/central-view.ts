// Reads what central knows of the shards, for `check` and `shards`.
import { type HostFile, readHostFiles } from '../../central/host-files.ts';
import type { Config } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import { consumerName } from '../../queue/names.ts';
import { upkeepTrouble } from '../../upkeep/upkeep-lease.ts';
import type { CentralFacts } from '../facts/central.ts';
import { readShardLeases, type ShardLease } from '../facts/shard-leases.ts';
import { wantedSources } from '../facts/sources.ts';
import { RETIRED_SOURCES } from '../plan/retired-name.ts';
import { type CentralNames, namesIn, SHARD_NOTES } from '../plan/whose-database.ts';

export interface SourceView {
  readonly state: 'registering' | 'active' | 'halted' | 'retired';
  readonly haltReason: string | undefined;
  readonly isPaused: boolean;
}

export interface CentralView {
  /** Our consumer on the shards. */
  readonly consumer: string;
  readonly sources: ReadonlyMap<string, ReadonlyMap<string, SourceView>>;
  readonly leases: ReadonlyMap<string, ShardLease>;
  /** A sentence where central's upkeep is not done. */
  readonly upkeepTrouble: string | undefined;
  readonly names: CentralNames;
  /** The files that running processes were started with. */
  readonly files: readonly HostFile[];
}

/** Undefined where central is not installed, or is another installation's. */
export async function readCentralView(
  connection: Connection,
  config: Config,
  central: CentralFacts,
): Promise<CentralView | undefined> {
  if (central.identity === undefined || central.identity.name !== config.name) return undefined;
  const rows = await connection.query<{
    shard: string;
    queue: string;
    state: SourceView['state'];
    halt_reason: string | null;
    paused: boolean;
  }>('select shard, queue, state, halt_reason, paused_at is not null as paused from tributary.source');
  const sources = new Map<string, Map<string, SourceView>>();
  for (const { shard, queue, state, halt_reason, paused } of rows) {
    const queues = sources.get(shard) ?? new Map<string, SourceView>();
    queues.set(queue, { state, haltReason: halt_reason ?? undefined, isPaused: paused });
    sources.set(shard, queues);
  }
  // Read now: the connection is closed when the shards are judged.
  const names = namesIn(connection, {
    hasNotes: central.applied.includes(SHARD_NOTES),
    hasEnds: central.applied.includes(RETIRED_SOURCES),
  });
  const ours = config.shards.map(({ name }) => name);
  const [ends, left] = [await names.ends(ours), await names.left(ours)];
  const shards = await names.shards();
  const marks = await names.marks(wantedSources(config).map(({ queue }) => queue));
  return {
    consumer: consumerName(config.name, central.identity.id),
    sources,
    leases: await readShardLeases(connection),
    upkeepTrouble: await upkeepTrouble(connection),
    names: {
      shards: async () => shards,
      marks: async (queues) => marks.filter(({ queue }) => queues.includes(queue)),
      ends: async (some) => ends.filter(({ shard }) => some.includes(shard)),
      left: async (some) => left.filter(({ shard }) => some.includes(shard)),
    },
    files: await readHostFiles(connection),
  };
}
