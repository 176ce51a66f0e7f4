// The result of install for each database.
import type { Config, Database } from '../config/config.ts';
import type { CentralSurvey, ShardSurvey } from './survey.ts';

export interface InstallRow {
  /** The shard's name, or `central`. */
  readonly name: string;
  /** Without secrets. */
  readonly url: string;
  readonly provider: string | undefined;
  readonly version: string | undefined;
  readonly outcome: 'installed' | 'unchanged' | 'failed';
  /** Sources in place. */
  readonly sources: number;
  /** What was done, in words. */
  readonly did: readonly string[];
  /** What of it was done to captured tables; absent: nothing. */
  readonly captured?: readonly string[];
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
}

export function failedRow(name: string, { displayUrl }: Database, mistake: string): InstallRow {
  return {
    name,
    url: displayUrl,
    provider: undefined,
    version: undefined,
    outcome: 'failed',
    sources: 0,
    did: [],
    mistakes: [mistake],
    warnings: [],
  };
}

export function rowOfCentral(config: Config, { plan }: CentralSurvey): InstallRow {
  const steps = plan.mistakes.length > 0 ? [] : [...plan.schemaSteps, ...plan.queueSteps];
  const did = steps.filter(({ isRoutine }) => isRoutine !== true).map(({ what }) => what);
  return {
    name: 'central',
    url: config.central.displayUrl,
    provider: plan.provider,
    version: plan.version,
    outcome: plan.mistakes.length > 0 ? 'failed' : did.length > 0 ? 'installed' : 'unchanged',
    sources: 0,
    did,
    mistakes: plan.mistakes,
    warnings: plan.warnings,
  };
}

/** What was done about captures, or would be. */
export interface CaptureReport {
  readonly did: readonly string[];
  readonly mistakes: readonly string[];
  readonly warnings: readonly string[];
}

/** @param captured default: what would be done. */
export function rowOfShard(
  { shard, known, plan, capture }: ShardSurvey,
  captured: CaptureReport = {
    did: (capture?.work ?? []).map(({ what }) => what),
    mistakes: [...(capture?.refusals ?? []), ...(capture?.mistakes ?? [])],
    warnings: capture?.warnings ?? [],
  },
): InstallRow {
  const did = plan.steps.filter(({ isRoutine }) => isRoutine !== true).map(({ what }) => what);
  const redirected = plan.redirect.map(
    ({ wanted: { queue, centralQueue, routes = [centralQueue] } }) =>
      `let queue ${queue} flow to ${routes.join(', ')}`,
  );
  const mistakes = [...plan.mistakes, ...captured.mistakes];
  const begun = new Set(plan.begin.map(({ queue }) => queue));
  const standing = [...known.values()].filter(
    ({ queue, state }) => state !== 'retired' && state !== 'registering' && !begun.has(queue),
  );
  return {
    name: shard.name,
    url: shard.displayUrl,
    provider: plan.provider,
    version: plan.version,
    outcome:
      mistakes.length > 0
        ? 'failed'
        : did.length + redirected.length + begun.size + captured.did.length > 0
          ? 'installed'
          : 'unchanged',
    sources: standing.length + begun.size,
    did: [...did, ...redirected, ...captured.did],
    ...(captured.did.length > 0 && { captured: captured.did }),
    mistakes,
    warnings: [...plan.warnings, ...captured.warnings],
  };
}
