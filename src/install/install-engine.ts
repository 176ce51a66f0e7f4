// Installs the bundled engine alone into one database.
import type { Database } from '../config/config.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import { Connection } from '../postgres/connection.ts';
import { type DatabaseFacts, placeOf, readFacts } from './facts/database.ts';
import { engineHindrance, engineMark, engineSteps } from './plan/engine.ts';
import { findProvider, findUnfit } from './plan/provider.ts';
import { locked, runSteps } from './plan/steps.ts';
import { retrying } from './retrying.ts';

/** Installs or upgrades the engine without looking at a schema pgq that is there: for databases that are known to be empty or ours. */
export async function applyEngine(connection: Connection): Promise<void> {
  await retrying(async () => {
    const [row] = await connection.query<{ there: boolean }>(
      "select to_regnamespace('pgq') is not null as there",
    );
    await runSteps(connection, locked(engineSteps({ isUpgrade: row?.there === true })));
  });
}

export interface EngineResult {
  /** The engine's version before, undefined where there was none. */
  readonly before: string | undefined;
  readonly version: string | undefined;
  /** False: this version was there already. */
  readonly changed: boolean;
}

/**
 * Installs the engine alone into one database; refuses where another PgQ is.
 * @param options.isDry looks and changes nothing
 * @throws TributaryError, misconfigured, with the reason.
 */
export async function installEngine(database: Database, { isDry = false } = {}): Promise<EngineResult> {
  const connection = await Connection.open(database, { applicationName: 'tributary install', asAdmin: true });
  try {
    const { pgq, ...facts } = await readFacts(connection, {
      schema: 'pgq',
      queues: [],
      runtimeRole: database.user,
      adminRole: database.admin?.user,
    });
    refuse({ pgq, ...facts }, placeOf(database));
    const changed = pgq.mark !== engineMark();
    if (isDry || !changed) return { before: pgq.version, version: pgq.version, changed };
    await applyEngine(connection);
    const [row] = await connection.query<{ version: string | null }>('select pgq.version() as version');
    return { before: pgq.version, version: row?.version ?? undefined, changed };
  } finally {
    await connection.close();
  }
}

function refuse(facts: DatabaseFacts, place: string): void {
  const unfit = findUnfit(facts, place);
  const finding = findProvider(facts, 'pgq', place);
  const sentence =
    unfit ??
    ('mistake' in finding ? finding.mistake : undefined) ??
    (!('mistake' in finding) && (finding.provider === 'extension' || finding.provider === 'plain')
      ? `${place} has ${finding.provider === 'extension' ? `the extension pgq ${finding.version}` : 'another schema pgq'}: it is used as it is, and the bundled engine goes only where schema pgq is missing.`
      : undefined) ??
    engineHindrance(facts, place);
  if (sentence !== undefined) throw new TributaryError(sentence, { code: 'engine', kind: 'misconfigured' });
}
