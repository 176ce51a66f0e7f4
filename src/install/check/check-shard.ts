// check of one shard: first its facts, then what is wrong by the file and by what central knows.
import type { Config, Shard } from '../../config/config.ts';
import type { Connection } from '../../postgres/connection.ts';
import { type DatabaseFacts, readFacts } from '../facts/database.ts';
import type { ShardLease } from '../facts/shard-leases.ts';
import { wantedSources } from '../facts/sources.ts';
import { placeOfShard } from '../plan/shard-plan.ts';
import type { CentralView } from './central-view.ts';
import { refusedExpressions } from './expressions.ts';
import { judgeMissing, judgePrivileges, judgeServer, judgeTicking, neededBy } from './judge.ts';
import { missingPrivileges } from './privileges.ts';
import type { CheckRow } from './row.ts';
import { judgeTicker, lastTickAge } from './ticker.ts';

export interface ShardReading {
  readonly facts: DatabaseFacts;
  /** Rights that the runtime role lacks. */
  readonly lacking: readonly string[];
  /** A sentence for each expression of the file that the shard refuses. */
  readonly refused: readonly string[];
}

export async function readShard(
  connection: Connection,
  shard: Shard,
  { config }: { readonly config: Config },
): Promise<ShardReading> {
  const { schema } = shard;
  const queues = wantedSources(config).map(({ queue }) => queue);
  const facts = await readFacts(connection, {
    schema,
    queues,
    runtimeRole: shard.user,
    adminRole: shard.admin?.user,
  });
  const hasPgq = schema === 'pgq' ? facts.pgq.hasPgq : facts.pgq.hasPgque;
  const lacking = neededBy(
    facts.server,
    hasPgq ? await missingPrivileges(connection, { schema, queues, isCentral: false }) : [],
  );
  return {
    facts,
    lacking,
    // A role that may not read the event tables gets that one sentence, and not an error for each expression.
    refused:
      lacking.length > 0 ? [] : await refusedExpressions(connection, shard, { config, queues: facts.queues }),
  };
}

interface ShardFindings extends ShardReading {
  readonly config: Config;
  /** Undefined: central could not be asked, which its own row says. */
  readonly view: CentralView | undefined;
}

export function judgeShard(shard: Shard, { facts, lacking, refused, config, view }: ShardFindings): CheckRow {
  const wanted = wantedSources(config).map(({ queue }) => queue);
  const place = placeOfShard(shard);
  const server = judgeServer(facts, { place, schema: shard.schema });
  const isThere = server.provider !== undefined;
  const missing = isThere ? wanted.filter((queue) => !facts.queues.wanted.has(queue)) : [];
  const queues = wanted.flatMap((queue) => facts.queues.wanted.get(queue) ?? []);
  const ticking = judgeTicking(queues, { place, schema: shard.schema, weTick: shard.ticker !== 'never' });
  const sources = judgeSources(shard, { facts, wanted: queues.map(({ name }) => name), view });
  const lease: ShardLease | undefined = view?.leases.get(shard.name);
  return {
    name: shard.name,
    url: shard.displayUrl,
    isReachable: true,
    isRefused: false,
    serverVersion: facts.server.version,
    provider: server.provider,
    version: server.version,
    missingPrivileges: lacking,
    tickedBy: view === undefined ? undefined : judgeTicker(queues, lease),
    lastTickSeconds: lastTickAge(queues),
    clockSkewMs: facts.server.clockAheadMs,
    missingQueues: missing,
    inPlace: sources.inPlace,
    wanted: wanted.length,
    problems: [
      ...server.problems,
      ...judgePrivileges(lacking, facts, { place }),
      ...judgeMissing(missing, facts, { place }),
      ...refused,
      ...ticking.problems,
      ...sources.problems,
    ],
    warnings: [...server.warnings, ...ticking.warnings, ...sources.warnings],
  };
}

interface SourceFindings {
  readonly inPlace: number | undefined;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Each wanted queue that exists has a source, which is active, and whose watermark is registered. */
function judgeSources(
  shard: Shard,
  { facts, wanted, view }: Pick<ShardFindings, 'facts' | 'view'> & { readonly wanted: readonly string[] },
): SourceFindings {
  if (view === undefined) return { inPlace: undefined, problems: [], warnings: [] };
  const place = placeOfShard(shard);
  const problems: string[] = [];
  const warnings: string[] = [];
  const notInstalled: string[] = [];
  let inPlace = 0;
  for (const queue of wanted) {
    const source = view.sources.get(shard.name)?.get(queue);
    if (source === undefined || source.state === 'registering' || source.state === 'retired') {
      notInstalled.push(queue);
      continue;
    }
    if (source.state === 'halted') {
      problems.push(haltedSentence(`${shard.name}:${queue}`, source.haltReason ?? 'no reason was stored.'));
    } else inPlace += 1;
    if (source.isPaused) warnings.push(`${place}: source ${shard.name}:${queue} is paused.`);
    if (facts.queues.wanted.get(queue)?.consumers.has(view.consumer) !== true) {
      problems.push(
        `${place}: consumer ${view.consumer} is not registered on queue ${queue}, so a rotation may take events that were not moved: run \`tributary install\`.`,
      );
    }
  }
  if (notInstalled.length > 0) {
    problems.push(`${place}: ${notInstalled.join(', ')} not installed yet: run \`tributary install\`.`);
  }
  return { inPlace, problems, warnings };
}

/** A reason that names its source is a sentence already. */
const haltedSentence = (source: string, reason: string): string =>
  reason.startsWith(`Source ${source} `) ? reason : `Source ${source} is halted: ${reason}`;
