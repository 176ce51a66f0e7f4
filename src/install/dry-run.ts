// Shows what install would do: as SQL in the order in which it would run, or as a list of changes.
import type { Config } from '../config/config.ts';
import { sentenceFor } from '../errors/sentence.ts';
import { Connection } from '../postgres/connection.ts';
import { literal } from '../postgres/quote.ts';
import { captureScript } from './capture/plan.ts';
import { reachingWith } from './facts/reach.ts';
import { leftOver, readKnownSources } from './facts/sources.ts';
import { APPLICATION, type InstallOptions } from './install.ts';
import { placeOfCentral } from './plan/central-plan.ts';
import { type RenderOptions, renderSteps } from './plan/steps.ts';
import { asStored } from './register.ts';
import { failedRow, type InstallRow, rowOfCentral, rowOfShard } from './report.ts';
import { type CentralSurvey, contextOf, type ShardSurvey, surveyCentral, surveyShards } from './survey.ts';

export interface DryRun {
  /** For each database what would be done; `outcome` is what it would be. */
  readonly rows: readonly InstallRow[];
  /** Sources that central knows and the file no longer asks for: install leaves them alone. */
  readonly leftOver: readonly { readonly shard: string; readonly queue: string }[];
  /** @param options.whole also the texts of the package's own files. */
  script(options?: { readonly whole?: boolean }): string;
}

/** Reads only. */
export async function dryRun(config: Config, { only }: Pick<InstallOptions, 'only'> = {}): Promise<DryRun> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(config.central, APPLICATION);
    const central = await surveyCentral(connection, config);
    const context = contextOf(connection, config, central);
    const shards =
      central.plan.mistakes.length > 0
        ? []
        : (
            await surveyShards(reachingWith(APPLICATION), {
              ...context,
              centralIdentity: central.facts.server.identity,
            })
          ).filter(({ shard }) => only?.has(shard.name) !== false);
    return {
      rows: [rowOfCentral(config, central), ...shards.map((shard) => rowOfShard(shard))],
      leftOver:
        central.central.applied.length > 0 ? leftOver(config, await readKnownSources(connection)) : [],
      script: ({ whole = false } = {}) => {
        const how = { whole, listed: new Set<string>() };
        const parts = [
          scriptOfCentral(config, central, how),
          ...shards.map((shard) => scriptOfShard(shard, how)),
        ];
        return parts.join('\n\n');
      },
    };
  } catch (error) {
    const sentence = sentenceFor(error, placeOfCentral(config));
    return {
      rows: [failedRow('central', config.central, sentence)],
      leftOver: [],
      script: () => `-- ${sentence}`,
    };
  } finally {
    await connection?.close();
  }
}

function scriptOfCentral(
  config: Config,
  { facts, central, plan }: CentralSurvey,
  how: RenderOptions,
): string {
  const { schemaSteps, queueSteps } = plan;
  const identity =
    central.identity === undefined
      ? ['-- The consumer on the shards is named after an id that this makes; it stands below as xxxxxxxx.']
      : [];
  return [
    `-- ==== central ${config.central.displayUrl}, as role ${facts.server.role}`,
    ...plan.mistakes.map((mistake) => `-- MISTAKE: ${mistake}`),
    ...plan.warnings.map((warning) => `-- note: ${warning}`),
    ...(schemaSteps.length + queueSteps.length === 0 ? ['-- nothing to do'] : []),
    ...(schemaSteps.length === 0 ? [] : [...identity, renderSteps(schemaSteps, how)]),
    ...(queueSteps.length === 0 ? [] : [renderSteps(queueSteps, how)]),
  ].join('\n');
}

function scriptOfShard({ shard, facts, plan, capture }: ShardSurvey, how: RenderOptions): string {
  const { steps, begin, redirect } = plan;
  const sources = [...begin, ...redirect.map(({ wanted }) => wanted)].map(asStored);
  const name = literal(shard.name);
  const captures = (capture?.work ?? []).map(captureScript);
  return [
    `-- ==== shard ${shard.name} ${shard.displayUrl}${facts === undefined ? '' : `, as role ${facts.server.role}`}`,
    ...[...plan.mistakes, ...(capture?.refusals ?? []), ...(capture?.mistakes ?? [])].map(
      (mistake) => `-- MISTAKE: ${mistake}`,
    ),
    ...[...plan.warnings, ...(capture?.warnings ?? [])].map((warning) => `-- note: ${warning}`),
    ...(steps.length + sources.length + captures.length === 0 && facts !== undefined
      ? ['-- nothing to do']
      : []),
    ...(sources.length === 0
      ? []
      : [
          '-- on central: make the sources known',
          `select * from tributary.register_sources(${name}, ${literal(JSON.stringify(sources))});`,
        ]),
    ...(steps.length === 0 ? [] : ['-- on the shard:', renderSteps(steps, how)]),
    ...(begin.length === 0
      ? []
      : [
          '-- on central: store where the sources begin, with the values that the last statement returned',
          `-- select tributary.create_position(source, tick_id, tick_time_us, tick_event_seq, tick_snapshot_md5) for ${begin.map(({ queue }) => queue).join(', ')}`,
        ]),
    ...captures,
  ].join('\n');
}
