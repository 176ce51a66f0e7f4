// Finds the events of one source that central refuses, so that they can be kept aside and their neighbours moved.
//
// Only a single event that central refused alone, twice, while another event passed in between, is condemned, and only for
// what can be the event's own fault (SQLSTATE classes 22, 23, 54). A full disk or a shutdown never condemns.
import type { CentralLink } from '../central/central-link.ts';
import { type CommitContent, type CommitOptions, type DeadRow, tryRows } from '../central/commit.ts';
import { splitRows, textIn } from '../central/copy-rows.ts';
import { canBePoison, sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Condemning } from './condemning.ts';
import type { SortOut } from './parcel-commit.ts';

export interface Sorted {
  readonly good: readonly Buffer[];
  readonly condemned: readonly DeadRow[];
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
  const condemned: DeadRow[] = [];
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

export interface SorterOptions {
  readonly link: CentralLink;
  readonly commitOptions: CommitOptions;
  readonly condemning: Condemning;
}

/** What a gatherer calls when one source's events are refused. */
export function sorterFor({ link, commitOptions, condemning }: SorterOptions): SortOut {
  return async (content, { source, error, hasWitness }) => {
    const { origin } = source.reading;
    const sorted = await condemning.search(source, (most) =>
      sortOut(content.chunks, error, {
        tryRows: (rows) =>
          link.use((central) =>
            tryRows(central, { queue: content.queue, chunks: [Buffer.concat(rows)] }, commitOptions),
          ),
        originColumn: origin === 'none' ? undefined : `ev_${origin}`,
        hasWitness,
        most,
      }),
    );
    return condemning.accept(source, sorted.condemned) ? withoutCondemned(content, sorted) : undefined;
  };
}

function withoutCondemned(content: CommitContent, { good, condemned }: Sorted): CommitContent {
  const [step] = content.steps as [CommitContent['steps'][number]];
  return {
    queue: content.queue,
    chunks: good.length === 0 ? [] : [Buffer.concat(good)],
    steps: [{ ...step, rows: good.length }],
    dead: [...(content.dead ?? []), { source: step.source, events: condemned }],
  };
}
