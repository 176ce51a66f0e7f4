// Finds the events of one source that central refuses, so that they can be kept aside and their neighbours moved.
//
// Only a single event that central refused alone, twice, while another event passed in between, is condemned, and only for
// what can be the event's own fault (SQLSTATE classes 22, 23, 54). A full disk or a shutdown never condemns.
import type { CentralLink } from '../central/central-link.ts';
import { type CommitContent, type CommitOptions, tryRows } from '../central/commit.ts';
import { splitRows, textIn } from '../central/copy-rows.ts';
import { canBePoison, sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { SortOut } from './gatherer.ts';
import type { Source } from './source.ts';

/** An event that central refuses. */
export interface Condemned {
  readonly row: Buffer;
  readonly origin: string | undefined;
  readonly error: string;
  readonly sqlstate: string;
}

export interface Sorted {
  readonly good: readonly Buffer[];
  readonly condemned: readonly Condemned[];
}

export interface SortOptions {
  /** Inserts rows and rolls back: undefined where central takes them, else why not; throws what says nothing about rows. */
  readonly tryRows: (rows: readonly Buffer[]) => Promise<unknown>;
  /** Column that holds the origin, e.g. `ev_extra4`; undefined: none does. */
  readonly originColumn: string | undefined;
  /** Another source's event has passed since the first refusal: a witness where no row of this one is good. */
  readonly hasWitness: boolean;
  /** More culprits than this are not a few bad events but a wrong constraint. */
  readonly most: number;
}

/** @throws the error that central gave where no single event can be blamed for it; halting where too many can. */
export async function sortOut(
  chunks: readonly Buffer[],
  cause: unknown,
  options: SortOptions,
): Promise<Sorted> {
  const rows = splitRows(chunks);
  const suspects = await suspectsIn(rows, options);
  const bad = new Set(suspects.map(({ row }) => row));
  const good = rows.filter((row) => !bad.has(row));
  const [neighbour] = good;
  if (suspects.length === 0 || (neighbour === undefined && !options.hasWitness)) throw cause;
  const condemned: Condemned[] = [];
  for (const { row } of suspects) {
    if (neighbour !== undefined && (await options.tryRows([neighbour])) !== undefined) throw cause;
    const again = await options.tryRows([row]);
    if (!canBePoison(again)) throw again ?? cause;
    condemned.push({
      row,
      origin: options.originColumn === undefined ? undefined : textIn(row, options.originColumn),
      error: again instanceof Error ? again.message : String(again),
      sqlstate: sqlstateOf(again) ?? '',
    });
  }
  return { good, condemned };
}

/** Halves until each culprit stands alone. */
async function suspectsIn(rows: readonly Buffer[], options: SortOptions): Promise<{ row: Buffer }[]> {
  const found: { row: Buffer }[] = [];
  const search = async (part: readonly Buffer[]): Promise<void> => {
    if (part.length === 0) return;
    const refusal = await options.tryRows(part);
    if (refusal === undefined) return;
    if (!canBePoison(refusal)) throw refusal;
    if (part.length > 1) {
      await search(part.slice(0, part.length >> 1));
      await search(part.slice(part.length >> 1));
      return;
    }
    found.push({ row: part[0] as Buffer });
    if (found.length > options.most) throw tooMany(options.most, refusal);
  };
  await search(rows);
  return found;
}

function tooMany(most: number, cause: unknown): TributaryError {
  return new TributaryError(
    `Central refuses more than ${most} events an hour (${cause instanceof Error ? cause.message : cause}).`,
    { code: 'too-much-poison', kind: 'halting', cause },
  );
}

/** A source that has more events refused in an hour is stopped: then it is not the events. */
const MOST_AN_HOUR = 100;
const HOUR_MS = 3_600_000;

export interface SorterOptions {
  readonly link: CentralLink;
  readonly commitOptions: CommitOptions;
  readonly onPoison: 'dead' | 'halt';
  readonly halt: (source: Source, reason: string) => void;
  readonly onCondemned: (source: Source, condemned: Condemned) => void;
}

/** What a gatherer calls when one source's events are refused. */
export function sorterFor({ link, commitOptions, onPoison, halt, onCondemned }: SorterOptions): SortOut {
  return async (content, { source, error, hasWitness }) => {
    const nowMs = Date.now();
    source.condemnedAtMs = source.condemnedAtMs.filter((atMs) => atMs > nowMs - HOUR_MS);
    const { origin } = source.reading;
    let sorted: Sorted;
    try {
      sorted = await sortOut(content.chunks, error, {
        tryRows: (rows) =>
          link.use((central) =>
            tryRows(central, { queue: content.queue, chunks: [Buffer.concat(rows)] }, commitOptions),
          ),
        originColumn: origin === 'none' ? undefined : `ev_${origin}`,
        hasWitness,
        most: MOST_AN_HOUR - source.condemnedAtMs.length,
      });
    } catch (failure) {
      if (failure instanceof TributaryError && failure.code === 'too-much-poison')
        halt(source, lowerFirst(failure.message));
      throw failure;
    }
    const [first] = sorted.condemned;
    if (onPoison === 'halt' && first !== undefined) {
      halt(
        source,
        `central refuses event ${first.origin ?? '(origin not kept)'}: ${first.error} (SQLSTATE ${first.sqlstate}), and the queue says \`on_poison: halt\``,
      );
      return undefined;
    }
    source.condemnedAtMs.push(...sorted.condemned.map(() => nowMs));
    for (const one of sorted.condemned) onCondemned(source, one);
    return withoutCondemned(content, sorted);
  };
}

function withoutCondemned(content: CommitContent, { good, condemned }: Sorted): CommitContent {
  const [step] = content.steps as [CommitContent['steps'][number]];
  return {
    queue: content.queue,
    chunks: good.length === 0 ? [] : [Buffer.concat(good)],
    steps: [{ ...step, rows: good.length }],
    dead: { source: step.source, events: condemned },
  };
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '');
