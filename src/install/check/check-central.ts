// check of the central database: schema, queues, groups, tickers.
import { differingFiles } from '../../central/host-files.ts';
import type { Config } from '../../config/config.ts';
import { workedIn } from '../../config/worked.ts';
import type { Connection } from '../../postgres/connection.ts';
import { groupName } from '../../queue/names.ts';
import { type CentralFacts, readCentralFacts } from '../facts/central.ts';
import { type DatabaseFacts, readFacts } from '../facts/database.ts';
import { centralHindrance, centralMark, placeOfCentral } from '../plan/central-plan.ts';
import { unfitTables } from './applied.ts';
import { type CentralView, readCentralView } from './central-view.ts';
import { judgeMissing, judgePrivileges, judgeServer, judgeTicking, neededBy, onlyLooks } from './judge.ts';
import { missingCentralPrivileges, missingPrivileges } from './privileges.ts';
import type { CheckRow } from './row.ts';
import { lastTickAge } from './ticker.ts';

export interface CheckedCentral {
  readonly row: CheckRow;
  readonly facts: DatabaseFacts;
  readonly view: CentralView | undefined;
}

export async function checkCentral(connection: Connection, config: Config): Promise<CheckedCentral> {
  const queues = config.queues.map(({ name }) => name);
  const { user, admin } = config.central;
  const facts = await readFacts(connection, {
    schema: 'pgq',
    queues,
    runtimeRole: user,
    adminRole: admin?.user,
  });
  const central = await readCentralFacts(connection, config.central);
  const lacking = neededBy(facts.server, [
    ...(facts.pgq.hasPgq
      ? await missingPrivileges(connection, { schema: 'pgq', queues, isCentral: true })
      : []),
    ...(central.hasSchema ? await missingCentralPrivileges(connection) : []),
  ]);
  const mayRead = !lacking.includes('usage on schema tributary') && central.strangers.length === 0;
  const view = mayRead ? await readCentralView(connection, config, central) : undefined;
  // Its functions are there as this package has them.
  const unfit = mayRead && central.mark === centralMark() ? await unfitTables(connection, config) : [];
  return { facts, view, row: judgeCentral(config, { facts, central, lacking, view, unfit }) };
}

interface CentralFindings {
  readonly facts: DatabaseFacts;
  readonly central: CentralFacts;
  readonly lacking: readonly string[];
  readonly view: CentralView | undefined;
  /** Sentences about tables that changes are applied to. */
  readonly unfit: readonly string[];
}

function judgeCentral(config: Config, { facts, central, lacking, view, unfit }: CentralFindings): CheckRow {
  const filesDiffer = differingFiles(view?.files ?? [], config);
  const place = placeOfCentral(config);
  const server = judgeServer(facts, { place, schema: 'pgq' });
  const missing =
    server.provider === undefined
      ? []
      : config.queues.map(({ name }) => name).filter((name) => !facts.queues.wanted.has(name));
  const queues = [...facts.queues.wanted.values()];
  const ticking = judgeTicking(queues, {
    place,
    schema: 'pgq',
    weTick: config.central.ticker !== 'never',
  });
  return {
    name: 'central',
    url: config.central.displayUrl,
    isReachable: true,
    isRefused: false,
    serverVersion: facts.server.version,
    provider: server.provider,
    version: server.version,
    missingPrivileges: lacking,
    tickedBy: undefined,
    lastTickSeconds: lastTickAge(queues),
    clockSkewMs: facts.server.clockAheadMs,
    missingQueues: missing,
    inPlace: queues.length,
    wanted: config.queues.length,
    problems: [
      ...server.problems,
      ...judgeSchema(config, central, place),
      ...judgePrivileges(lacking, facts, { place }),
      ...judgeMissing(missing, facts, { place }),
      ...judgeGroups(config, facts, place),
      ...judgeTickers(config, facts, place),
      ...ticking.problems,
      ...unfit.map((sentence) => `${place}: ${sentence}`),
    ],
    warnings: [
      ...server.warnings,
      ...ticking.warnings,
      ...(view?.upkeepTrouble === undefined ? [] : [view.upkeepTrouble]),
      ...(filesDiffer === undefined ? [] : [filesDiffer]),
      ...(onlyLooks(facts.server)
        ? [
            `Role ${facts.server.role} may look and not move (pgq_reader): whether movers and workers have their rights is seen with their own role.`,
          ]
        : []),
    ],
  };
}

function judgeSchema(config: Config, central: CentralFacts, place: string): string[] {
  const hindrance = centralHindrance(config, central);
  if (hindrance !== undefined) return [hindrance];
  if (!central.hasSchema || central.identity === undefined)
    return [`${place} is not installed: run \`tributary install\`.`];
  if (central.mark !== centralMark())
    return [`${place} was installed by another version of this package: run \`tributary install\`.`];
  return [];
}

/** A central queue without a consumer loses events by rotation. */
function judgeGroups(config: Config, { queues }: DatabaseFacts, place: string): string[] {
  return workedIn(config).flatMap(({ queue, group: part }) => {
    const [fact, group] = [queues.wanted.get(queue), groupName(config, part)];
    if (fact === undefined || fact.consumers.has(group)) return [];
    return [
      `${place}: group ${group} is not registered on queue ${queue}, so its events would be lost by rotation: run \`tributary install\`.`,
    ];
  });
}

/** A tick that sees less than the one before it was made beside another ticker: one consumer then reads events twice. */
function judgeTickers(config: Config, { queues }: DatabaseFacts, place: string): string[] {
  return config.queues.flatMap(({ name }) => {
    const tick = queues.wanted.get(name)?.outOfOrderTick;
    if (tick === undefined) return [];
    return [
      `${place}: tick ${tick} of queue ${name} is older than the tick before it, so two tickers are at work: stop the other one (pgqd?) for this database.`,
    ];
  });
}
