// Plans what install does to the central database, from facts alone. Two transactions: the schema, then the queues. Pure.

import type { Config } from '../../config/config.ts';
import { identifier, literal } from '../../postgres/quote.ts';
import { type Migration, markOf, migrations, type SqlFile, sqlFiles } from '../../postgres/sql-files.ts';
import type { Provider } from '../../queue/provider.ts';
import { type CentralFacts, COOP_COMMENT } from '../facts/central.ts';
import { type DatabaseFacts, placeOf } from '../facts/database.ts';
import { strangerHindrance } from '../facts/strangers.ts';
import { queueStepsFor, queueWarnings } from './central-queues.ts';
import { engineHindrance, engineMark, engineSteps, engineVersion } from './engine.ts';
import { findProvider, findUnfit } from './provider.ts';
import { installHindrance, planRuntimeRole, readersStep } from './roles.ts';
import { fileStep, locked, type Step } from './steps.ts';

export interface CentralPlan {
  readonly provider: Provider | undefined;
  readonly version: string | undefined;
  /** Engine, roles, tables, functions, identity. */
  readonly schemaSteps: readonly Step[];
  /** Queues, groups, pools. */
  readonly queueSteps: readonly Step[];
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
}

export interface CentralSituation {
  readonly config: Config;
  readonly facts: DatabaseFacts;
  readonly central: CentralFacts;
  /** Only what is new: neither another schema nor other numbers of workers. */
  readonly isAddition?: boolean;
  /** See LanesSituation. */
  readonly lanesOf?: ReadonlySet<string> | undefined;
}

/** How central is named in sentences. */
export const placeOfCentral = (config: Config): string => `Central (${placeOf(config.central)})`;

export function planCentral(situation: CentralSituation): CentralPlan {
  const { config, facts, central } = situation;
  const place = placeOfCentral(config);
  const finding = findProvider(facts, 'pgq', place);
  const mistake =
    findUnfit(facts, place) ??
    ('mistake' in finding ? finding.mistake : undefined) ??
    centralHindrance(config, central);
  if (mistake !== undefined || 'mistake' in finding) return refused(mistake ?? '');
  const { provider, version } = finding;
  const willInstall = provider === undefined;
  const hindrance =
    (willInstall ? engineHindrance(facts, place) : undefined) ??
    installHindrance(facts, place, { willInstall }) ??
    schemaHindrance(situation, place);
  const role = planRuntimeRole(facts, place, { willInstall });
  if (hindrance !== undefined || 'mistake' in role) {
    return refused(hindrance ?? ('mistake' in role ? role.mistake : ''));
  }
  const isUpgrade =
    provider === 'engine' &&
    facts.pgq.mark !== engineMark() &&
    (facts.server.isSuperuser || facts.pgq.ownsSchema);
  const engine = willInstall || isUpgrade ? engineSteps({ isUpgrade, offered: facts.pgq.offered }) : [];
  const schemaSteps = [...engine, ...role.steps, ...schemaStepsFor(situation)];
  if (situation.isAddition && schemaSteps.length > 0)
    return refused(
      `${place} is to be installed or upgraded first, which is never done by itself: run \`tributary install\`.`,
    );
  const queues = queueStepsFor(situation, place);
  return {
    provider: provider ?? 'engine',
    version: willInstall ? engineVersion() : version,
    schemaSteps: locked(schemaSteps),
    queueSteps: locked(queues.steps),
    mistakes: queues.mistakes,
    warnings: queueWarnings(situation, place),
  };
}

/** The mark of this package's central schema: of its migrations and functions. */
export function centralMark(): string {
  return markOf([...migrations(), ...functionFiles(), ...coopFiles()]);
}

function schemaStepsFor({ config, facts, central }: CentralSituation): Step[] {
  const applied = new Set(central.applied);
  const missing = migrations().filter(({ version }) => !applied.has(version));
  const isCurrent = central.mark === centralMark() && missing.length === 0;
  const steps: Step[] = [];
  if (!central.hasSchema) steps.push({ what: 'create schema tributary', sql: 'create schema tributary' });
  if (!isCurrent) {
    steps.push({
      what: 'keep account of migrations',
      sql: `create table if not exists tributary.migration (
    version     integer primary key,
    name        text not null,
    applied_at  timestamptz not null default now()
)`,
      isRoutine: true,
    });
    steps.push(...missing.map(migrationStep));
    steps.push(fileStep('apply the functions of schema tributary', functionFiles()));
    if (!central.hasForeignCoop && coopFiles().length > 0) {
      steps.push(fileStep('apply cooperative consumption as pgq_coop', coopFiles()));
      steps.push({
        what: 'mark pgq_coop as ours',
        sql: `comment on schema pgq_coop is ${literal(COOP_COMMENT)}`,
        isRoutine: true,
      });
    }
    steps.push(readersStep);
    steps.push({
      what: 'mark what was installed',
      sql: `comment on schema tributary is ${literal(centralMark())}`,
      isRoutine: true,
    });
  }
  if (central.identity === undefined) {
    steps.push({
      what: `make this the central database of installation ${config.name}`,
      sql: `insert into tributary.identity (name) values (${literal(config.name)}) on conflict do nothing`,
    });
  }
  const runtime = facts.runtime.name;
  if (runtime !== facts.server.role && (!isCurrent || !central.runtimeMayUse)) {
    steps.push({
      what: `let role ${runtime} use schema tributary`,
      sql: grantsSql(runtime),
      isRoutine: central.runtimeMayUse,
    });
  }
  return steps;
}

function migrationStep(migration: Migration): Step {
  const { version, name, path, text } = migration;
  const account = `insert into tributary.migration (version, name) values (${version}, ${literal(name)})`;
  return fileStep(`migrate schema tributary to version ${version} (${name})`, [
    { path, text: `${text.trimEnd()}\n${account};` },
  ]);
}

/** Why this package must not change a central schema; undefined: it may. */
export function centralHindrance(config: Config, central: CentralFacts): string | undefined {
  const place = placeOfCentral(config);
  return (
    strangerHindrance(central.strangers, place) ??
    (central.isUnmarked
      ? `${place} has a schema tributary that no install has made: find out what it is, and drop or rename it.`
      : undefined) ??
    findForeign(config, central, place) ??
    findOlderPackage(central, place)
  );
}

function findForeign(config: Config, { identity }: CentralFacts, place: string): string | undefined {
  if (identity === undefined || identity.name === config.name) return undefined;
  return `${place} belongs to the installation ${identity.name}, and the file says \`name: ${config.name}\`: correct the name, or use another central database.`;
}

function findOlderPackage(central: CentralFacts, place: string): string | undefined {
  const newest = Math.max(0, ...central.applied);
  const ours = Math.max(0, ...migrations().map(({ version }) => version));
  if (newest <= ours) return undefined;
  return `${place} was installed by a newer package (schema version ${newest}, and this one knows ${ours}): upgrade this package.`;
}

function schemaHindrance({ facts, central }: CentralSituation, place: string): string | undefined {
  const { server, runtime } = facts;
  if (server.isSuperuser) return undefined;
  if (!central.hasSchema) {
    return server.mayCreateSchema
      ? undefined
      : `${place} has no schema tributary, and role ${server.role} may not create it: an administrator runs \`grant create on database ${identifier(server.database)} to ${identifier(server.role)}\`, or give install an \`admin:\` role.`;
  }
  if (central.ownsSchema || (central.mark === centralMark() && central.runtimeMayUse)) return undefined;
  return `${place}: schema tributary needs an upgrade or grants for ${runtime.name}, and role ${server.role} does not own it: run install with the role that does as \`admin:\`.`;
}

function grantsSql(role: string): string {
  const name = identifier(role);
  return [
    `grant usage on schema tributary to ${name}`,
    `grant all on all tables in schema tributary to ${name}`,
    `grant usage, select, update on all sequences in schema tributary to ${name}`,
    `grant execute on all functions in schema tributary to ${name}`,
  ].join(';\n');
}

const functionFiles = (): readonly SqlFile[] => sqlFiles('sql/tributary/functions');
const coopFiles = (): readonly SqlFile[] => sqlFiles('sql/pgq_coop');

const refused = (sentence: string): CentralPlan => ({
  provider: undefined,
  version: undefined,
  schemaSteps: [],
  queueSteps: [],
  mistakes: [sentence],
  warnings: [],
});
