// Lists the shards of the file, each with its state and the machine that moves it.
import { moverRemedy } from '../../central/host-files.ts';
import type { Config, Shard } from '../../config/config.ts';
import type { Provider } from '../../queue/provider.ts';
import { wantedSources } from '../facts/sources.ts';
import { findProvider } from '../plan/provider.ts';
import { placeOfShard } from '../plan/shard-plan.ts';
import type { CentralView } from './central-view.ts';
import type { ShardLook } from './look.ts';
import { look } from './look.ts';

/**
 * - `moving`: a mover holds its lease;
 * - `unassigned`: no mover does;
 * - `paused`: all of its sources are; `halted`: some are;
 * - `not-installed`: it lacks sources that the file asks for;
 * - `unreachable`: it does not answer;
 * - `unknown`: it answers, and central cannot be asked.
 */
export type ShardState =
  | 'moving'
  | 'unassigned'
  | 'paused'
  | 'halted'
  | 'not-installed'
  | 'unreachable'
  | 'unknown';

export interface ListedShard {
  readonly name: string;
  /** The machine whose mover should move it. */
  readonly host: string;
  readonly url: string;
  readonly provider: Provider | undefined;
  /** The machine that moves it now. */
  readonly holder: string | undefined;
  readonly state: ShardState;
  /** Why the state is not as it should be. */
  readonly reason: string | undefined;
}

export interface ShardList {
  readonly shards: readonly ListedShard[];
  /** Why central could not be asked. */
  readonly trouble: string | undefined;
}

export async function listShards(config: Config): Promise<ShardList> {
  const { central, shards } = await look(config, { applicationName: 'tributary shards' });
  const { view } = central;
  return {
    trouble: view === undefined ? central.row.problems[0] : undefined,
    shards: shards.map((reached) => {
      const { shard } = reached;
      const lease = view?.leases.get(shard.name);
      return {
        name: shard.name,
        host: shard.moverHost,
        url: shard.displayUrl,
        provider: providerOf(reached),
        holder: lease?.isHeld === true ? lease.host : undefined,
        ...stateOf(reached, config, view),
      };
    }),
  };
}

function providerOf({ shard, reading }: ShardLook): Provider | undefined {
  if (reading === undefined) return undefined;
  const finding = findProvider(reading.facts, shard.schema, placeOfShard(shard));
  return 'mistake' in finding ? undefined : finding.provider;
}

function stateOf(
  { shard, reading, problem }: ShardLook,
  config: Config,
  view: CentralView | undefined,
): { readonly state: ShardState; readonly reason: string | undefined } {
  if (reading === undefined) return { state: 'unreachable', reason: problem };
  if (view === undefined) return { state: 'unknown', reason: undefined };
  const sources = view.sources.get(shard.name);
  const wanted = wantedSources(config).map(({ queue }) => ({ queue, source: sources?.get(queue) }));
  const absent = wanted.filter(
    ({ source }) => source === undefined || source.state === 'registering' || source.state === 'retired',
  );
  if (absent.length > 0) {
    return {
      state: 'not-installed',
      reason: `${absent.map(({ queue }) => queue).join(', ')} not installed: run \`tributary install\`.`,
    };
  }
  const halted = wanted.find(({ source }) => source?.state === 'halted');
  if (halted !== undefined) {
    return { state: 'halted', reason: `${halted.queue}: ${halted.source?.haltReason ?? 'no reason stored'}` };
  }
  if (wanted.every(({ source }) => source?.isPaused === true)) return { state: 'paused', reason: undefined };
  return unheld(shard, view, config);
}

function unheld(
  { name, moverHost }: Shard,
  { leases, files }: CentralView,
  { file, hash }: Config,
): { state: ShardState; reason: string | undefined } {
  if (leases.get(name)?.isHeld === true) return { state: 'moving', reason: undefined };
  const remedy = moverRemedy({ shard: name, moverHost }, { file, hash, running: files });
  return { state: 'unassigned', reason: `No mover holds it: ${remedy}.` };
}
