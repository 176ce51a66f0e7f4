// Notes in central's logbook what an operator had the shards capture, or not any more.
//
// Invariant: it is noted behind what was done on the shards, which are other databases: a note may be missing where central was away,
// and then that is said.
import { CentralLink } from '../../central/central-link.ts';
import { noted, type Operator } from '../../central/logbook/note.ts';
import type { Config } from '../../config/config.ts';
import { sentenceFor } from '../../errors/sentence.ts';
import { counted } from '../../errors/words.ts';

export interface CapturedOnShard {
  readonly shard: string;
  /** In words, such as `capture public.orders into queue orders by jsontriga (capture orders)`. */
  readonly did: readonly string[];
}

/** More are counted. */
const MOST_TOLD = 3;

/** @returns a sentence where central could not be told. */
export async function noteCaptured(
  config: Config,
  operator: Operator,
  rows: readonly CapturedOnShard[],
): Promise<string | undefined> {
  const what = toldOf(rows);
  if (what === undefined) return undefined;
  const link = new CentralLink(config, 'capture');
  try {
    await noted(link, operator, async () => ({
      result: undefined,
      note: { kind: 'capture', queues: fedByCaptures(config), what },
    }));
    return undefined;
  } catch (error) {
    return `It is not in central's logbook: ${sentenceFor(error, 'Central')}`;
  } finally {
    await link.close();
  }
}

/** Undefined: nothing was done. Pure. */
function toldOf(rows: readonly CapturedOnShard[]): string | undefined {
  const shards = new Map<string, number>();
  for (const { did } of rows) for (const one of did) shards.set(one, (shards.get(one) ?? 0) + 1);
  if (shards.size === 0) return undefined;
  const told = [...shards].slice(0, MOST_TOLD).map(([one, on]) => `${counted(on, 'shard')} ${one}`);
  const rest = shards.size - told.length;
  return `had ${told.join('; ')}${rest > 0 ? `; and ${counted(rest, 'other change')}` : ''}.`;
}

/** The central queues that captured changes flow into; undefined: the file has no capture any more. */
function fedByCaptures({ captures = [], queues }: Config): readonly string[] | undefined {
  const filled = new Set(captures.map(({ queue }) => queue));
  if (filled.size === 0) return undefined;
  return queues.filter(({ from }) => from.some((one) => filled.has(one))).map(({ name }) => name);
}
