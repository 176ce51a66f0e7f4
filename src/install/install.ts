// install: central first, then all shards at once, each in one transaction of its own.
//
// Invariant: wherever this run ends, the next one goes on from there, and a source that has a position keeps it.
// Order: central's schema, identity, queues and groups; a look at all shards; per shard: sources registering in central, engine,
// queues and consumer on the shard, positions in central. A group is there before the first event is forwarded.
// Fails by: a crash leaves whole transactions only; see register.ts for the sources.

import { meetShard, noteShard } from '../central/known-shards.ts';
import type { Config, Shard } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { shellWord } from '../errors/shell-word.ts';
import { Connection } from '../postgres/connection.ts';
import { carryOutCapture } from './capture/carry-out.ts';
import { captureOnShard } from './capture/on-shards.ts';
import { reachingWith } from './facts/reach.ts';
import { placeOfCentral } from './plan/central-plan.ts';
import type { RegistrationTick } from './plan/queue-steps.ts';
import { placeOfShard } from './plan/shard-plan.ts';
import { runSteps } from './plan/steps.ts';
import { createPositions, registerSources } from './register.ts';
import { type CaptureReport, failedRow, type InstallRow, rowOfCentral, rowOfShard } from './report.ts';
import { retrying } from './retrying.ts';
import {
  type CentralSurvey,
  contextOf,
  type ShardContext,
  type ShardSurvey,
  surveyCentral,
  surveyShard,
  surveyShards,
  withoutRetired,
} from './survey.ts';

export const APPLICATION = { applicationName: 'tributary install', asAdmin: true };

export interface InstallOptions {
  /** Only these shards, by their names; default: all. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Only what is new: no migration, no other number of workers, and nothing that was let go. */
  readonly isAddition?: boolean;
  /** With `isAddition`: other lanes all the same for these, by their names, because the file has just changed them. */
  readonly lanesOf?: ReadonlySet<string>;
  /** Called once for every database as soon as it is done. */
  readonly onRow?: (row: InstallRow) => void;
}

/** @returns a row for each database, central first; an error of a database is in its row. */
export async function install(
  config: Config,
  { onRow = () => {}, only, isAddition = false, lanesOf }: InstallOptions = {},
): Promise<InstallRow[]> {
  const rows: InstallRow[] = [];
  const report = (row: InstallRow) => {
    onRow(row);
    rows.push(row);
    return row;
  };
  let central: Connection | undefined;
  try {
    central = await Connection.open(config.central, { ...APPLICATION, owner: placeOfCentral(config) });
    const survey = await installCentral(central, { config, isAddition, lanesOf });
    report(rowOfCentral(config, survey));
    if (survey.plan.mistakes.length > 0) return rows;
    const byName = new Map<string, InstallRow>();
    await installShards(central, {
      config: isAddition ? withoutRetired(config, survey.central) : config,
      survey,
      only,
      isAddition,
      report: (row) => byName.set(row.name, report(row)),
    });
    const shards = config.shards.flatMap(({ name }) => byName.get(name) ?? []);
    return [...rows.slice(0, 1), ...shards];
  } catch (error) {
    report(failedRow('central', config.central, sentenceFor(error, placeOfCentral(config))));
    return rows;
  } finally {
    await central?.close();
  }
}

/** @returns the survey from before, with the identity as it is now. */
async function installCentral(
  connection: Connection,
  { config, ...how }: { readonly config: Config } & Parameters<typeof surveyCentral>[2],
): Promise<CentralSurvey> {
  return retrying(async () => {
    const before = await surveyCentral(connection, config, how);
    const { schemaSteps, queueSteps, mistakes } = before.plan;
    if (mistakes.length > 0) return before;
    if (schemaSteps.length > 0) await runSteps(connection, schemaSteps);
    if (queueSteps.length > 0) await runSteps(connection, queueSteps);
    const { central, consumer } = await surveyCentral(connection, config);
    return { ...before, central, consumer };
  });
}

interface ShardsOptions {
  readonly config: Config;
  readonly survey: CentralSurvey;
  readonly only: InstallOptions['only'];
  readonly isAddition: boolean;
  readonly report: (row: InstallRow) => void;
}

async function installShards(
  central: Connection,
  { config, survey, only, isAddition, report }: ShardsOptions,
): Promise<void> {
  const reach = reachingWith(APPLICATION);
  const context = contextOf(central, config, survey);
  const surveys = await surveyShards(reach, { ...context, centralIdentity: survey.facts.server.identity });
  await Promise.all(
    surveys.map(async (found) => {
      const { shard } = found;
      if (only?.has(shard.name) === false) return undefined;
      const letGo = isAddition ? whyLetGo(found) : undefined;
      if (letGo !== undefined) return report(failedRow(shard.name, shard, letGo));
      if (!hasWork(found)) {
        await noteFirst(central, found);
        return report(rowOfShard(found));
      }
      try {
        const row = await reach(shard, (connection) =>
          installShard(connection, shard, { central, context, isAddition }),
        );
        const { warnings } = rowOfShard(found);
        report({ ...row, warnings: [...new Set([...warnings, ...row.warnings])] });
      } catch (error) {
        report(failedRow(shard.name, shard, sentenceFor(error, placeOfShard(shard))));
      }
    }),
  );
}

interface ShardOptions {
  readonly central: Connection;
  readonly context: ShardContext;
  readonly isAddition: boolean;
}

/** Looks again, because between the first look and now another install may have been here. */
function installShard(
  connection: Connection,
  shard: Shard,
  { central, context, isAddition }: ShardOptions,
): Promise<InstallRow> {
  return retrying(async () => {
    const found = await surveyShard(connection, shard, context);
    const { steps, begin, redirect } = found.plan;
    const moved = redirect.map(({ wanted }) => wanted);
    const sources =
      begin.length + moved.length === 0
        ? []
        : await registerSources(central, shard.name, [...begin, ...moved]);
    const last = steps.length === 0 ? [] : await runSteps(connection, steps);
    if (begin.length === 0) {
      await noteFirst(central, found);
      return rowOfShard(found, await installCaptures(connection, found, { context, isAddition }));
    }
    const beginning = sources.filter(({ queue }) => begin.some((wanted) => wanted.queue === queue));
    const lost = await createPositions(central, beginning, last as unknown as RegistrationTick[]);
    await noteFirst(central, found);
    const mistakes = lost.map(
      (queue) =>
        `${placeOfShard(shard)}: queue ${queue} was registered and its tick is gone already: run install again.`,
    );
    return rowOfShard(
      { ...found, plan: { ...found.plan, mistakes: [...found.plan.mistakes, ...mistakes] } },
      await installCaptures(connection, found, { context, isAddition }),
    );
  });
}

/** Where the file captures tables: looks again, for what was installed just now brought functions and rights. */
async function installCaptures(
  connection: Connection,
  { shard, facts, plan, capture }: ShardSurvey,
  { context: { config }, isAddition }: Pick<ShardOptions, 'context' | 'isAddition'>,
): Promise<CaptureReport> {
  if (capture === undefined || facts === undefined) return { did: [], mistakes: [], warnings: [] };
  const comingQueues = plan.begin.map(({ queue }) => queue);
  const now = await captureOnShard(connection, { config, shard, facts, comingQueues });
  const work = now.work.filter((one) => !isAddition || one.isAddition);
  const { did, failures } = await carryOutCapture(connection, work, placeOfShard(shard));
  return { did, mistakes: [...now.refusals, ...now.mistakes, ...failures], warnings: now.warnings };
}

/** Notes which database the shard is, where nothing was noted yet; later a mover compares. */
async function noteFirst(central: Connection, { shard, facts, known, plan }: ShardSurvey): Promise<void> {
  const database = facts?.server.databaseIdentity;
  if (database === undefined || plan.mistakes.length > 0) return;
  // Nothing was moved of it yet, or not since it was let go: an earlier note does not count.
  const isNew = [...known.values()].every(({ state }) => state === 'registering' || state === 'retired');
  const { noted } = await meetShard(central, shard.name, database);
  if (noted === undefined || isNew) await noteShard(central, shard.name, database);
}

/** What an operator has let go of begins again only where an operator says so. */
function whyLetGo({ shard, known, plan }: ShardSurvey): string | undefined {
  const retired = plan.begin.filter(({ queue }) => known.get(queue)?.state === 'retired');
  if (retired.length === 0) return undefined;
  return `${placeOfShard(shard)} was let go, and is not installed again by itself: take it out, or run \`tributary install --shard ${shellWord(shard.name)}\`.`;
}

const hasWork = ({ plan, capture }: ShardSurvey): boolean =>
  plan.steps.length + plan.begin.length + plan.redirect.length + (capture?.work.length ?? 0) > 0;
