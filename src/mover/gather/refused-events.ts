// Finds the events of one source that central refuses, so that they become dead events and the others are moved.
//
// An event is condemned only where central refuses what it takes without the event, twice, while a neighbour passes before,
// between and after, and only for what can be the event's own fault (SQLSTATE classes 22, 23, 54). A full disk or a shutdown
// never condemns.
import type { CentralLink } from '../../central/central-link.ts';
import {
  type CommitContent,
  type CommitOptions,
  type DeadRow,
  tryRows,
} from '../../central/commit/commit.ts';
import type { HeldRows } from '../../central/commit/one-message.ts';
import { rowsOf } from '../../central/commit/queue-rows.ts';
import { firstRow, splitRows, textIn, withoutDue } from '../../central/copy-rows.ts';
import { canBeEventsFault, sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import type { Condemner } from '../condemn.ts';
import type { Source } from '../source/source.ts';
import type { PassedRows } from './parcel-commit.ts';

export interface Sorted {
  readonly good: readonly Buffer[];
  readonly condemned: readonly DeadRow[];
}

export interface SortOptions {
  /** Inserts rows and rolls back: undefined where central takes them, else the error; throws errors that say nothing about rows. */
  readonly tryRows: (rows: readonly Buffer[]) => Promise<unknown>;
  /** Column that holds the origin, e.g. `ev_extra4`; undefined: none does. */
  readonly originColumn: string | undefined;
  /** Rows that central took since the first refusal: the neighbour where no row of this source is good. */
  readonly passed: Buffer | undefined;
  /** More refused events than this are not a few bad events but a wrong constraint. */
  readonly most: number;
}

/** A row, and the rows of the same source without which central takes it: none where it is refused alone. */
interface SuspectRow {
  readonly row: Buffer;
  readonly behind: readonly Buffer[];
}

/** Central has that row already, so a unique index may refuse it: this error proves that central takes events. */
const DUPLICATE = '23505';

/** @throws the error that central gave where no single event can be blamed for it; halting where too many can. */
export async function sortOut(
  chunks: readonly Buffer[],
  cause: unknown,
  options: SortOptions,
): Promise<Sorted> {
  const { suspects, good } = await suspectsIn(splitRows(chunks), options);
  if (suspects.length === 0) throw cause;
  const neighbourPasses = passing(good[0], options);
  const condemned: DeadRow[] = [];
  for (const { row, behind } of suspects) {
    if (!(await neighbourPasses())) throw cause;
    if (behind.length > 0 && (await options.tryRows(behind)) !== undefined) throw cause;
    const again = await options.tryRows([...behind, row]);
    if (!canBeEventsFault(again)) throw again ?? cause;
    condemned.push({
      row,
      origin: options.originColumn === undefined ? undefined : textIn(row, options.originColumn),
      error: again instanceof Error ? again.message : String(again),
      sqlstate: sqlstateOf(again) ?? '',
    });
  }
  if (!(await neighbourPasses())) throw cause;
  return { good, condemned };
}

/** Whether central takes an event that nothing is wrong with, just now. */
function passing(good: Buffer | undefined, { passed, tryRows: tries }: SortOptions): () => Promise<boolean> {
  if (good !== undefined) return async () => (await tries([good])) === undefined;
  if (passed === undefined) return async () => false;
  const taken = firstRow(passed);
  return async () => {
    const refusal = await tries([taken]);
    return refusal === undefined || sqlstateOf(refusal) === DUPLICATE;
  };
}

/** Rows that are refused alone, then rows that are refused only behind those that are left. */
async function suspectsIn(
  rows: readonly Buffer[],
  options: SortOptions,
): Promise<{ suspects: readonly SuspectRow[]; good: readonly Buffer[] }> {
  const alone = await search(rows, options, { behind: () => [], most: options.most });
  const bad = new Set(alone.map(({ row }) => row));
  const left = rows.filter((row) => !bad.has(row));
  const good: Buffer[] = [];
  const most = options.most - alone.length;
  const together = await search(left, options, {
    behind: () => good,
    onGood: (part) => good.push(...part),
    most,
  });
  return { suspects: [...alone, ...together], good };
}

interface SearchOptions {
  /** Rows that central gets before, in the same try. */
  readonly behind: () => readonly Buffer[];
  readonly onGood?: (part: readonly Buffer[]) => void;
  readonly most: number;
}

/** Halves until each refused row is alone. */
async function search(
  rows: readonly Buffer[],
  options: SortOptions,
  { behind, onGood, most }: SearchOptions,
): Promise<SuspectRow[]> {
  const found: SuspectRow[] = [];
  const look = async (part: readonly Buffer[]): Promise<void> => {
    if (part.length === 0) return;
    const before = [...behind()];
    const refusal = await options.tryRows([...before, ...part]);
    if (refusal === undefined) {
      onGood?.(part);
      return;
    }
    if (!canBeEventsFault(refusal)) throw refusal;
    if (part.length > 1) {
      await look(part.slice(0, part.length >> 1));
      await look(part.slice(part.length >> 1));
      return;
    }
    found.push({ row: part[0] as Buffer, behind: before });
    if (found.length > most) throw tooMany(options.most, refusal);
  };
  await look(rows);
  return found;
}

function tooMany(most: number, cause: unknown): TributaryError {
  return new TributaryError(
    `Central refuses more than ${most} events an hour (${cause instanceof Error ? cause.message : cause}).`,
    { code: 'too-much-poison', kind: 'halting', cause },
  );
}

/** `passed`: rows that central took since the source's events were first refused; none: it took none. */
export type SortOut = (
  content: CommitContent,
  about: { readonly source: Source; readonly error: unknown; readonly passed: PassedRows },
) => Promise<CommitContent | undefined>;

export interface SorterOptions {
  readonly link: CentralLink;
  readonly commitOptions: CommitOptions;
  readonly condemner: Condemner;
}

/** The rows of one central queue, told apart. */
interface SortedRows extends Sorted {
  readonly queue: string;
  readonly isDelaying: boolean;
}

/** What a gatherer calls when one source's events are refused. */
export function sorterFor({ link, commitOptions, condemner }: SorterOptions): SortOut {
  return async (content, { source, error, passed }) => {
    const parts = rowsOf(content);
    if (!parts.every(isHeld)) return undefined;
    const triesFor =
      ({ queue, isDelaying = false }: HeldRows) =>
      (rows: readonly Buffer[]) =>
        link.use((central) =>
          tryRows(central, { queue, isDelaying, chunks: [Buffer.concat(rows)] }, commitOptions),
        );
    const sorted = await condemner.search(source, async (most) => {
      const found: SortedRows[] = [];
      for (const part of parts) {
        const { queue, isDelaying = false, chunks } = part;
        const tries = triesFor(part);
        // Of several queues it is not known yet which one refuses.
        const isTaken = parts.length > 1 && (await tries(chunks)) === undefined;
        const left = most - found.reduce((sum, { condemned }) => sum + condemned.length, 0);
        const own = isTaken
          ? { good: chunks, condemned: [] }
          : await sortOut(chunks, error, {
              ...{ tryRows: tries, originColumn: originColumn(source, queue) },
              ...{ passed: passed(queue), most: left },
            });
        found.push({ ...own, queue, isDelaying });
      }
      if (found.every(({ condemned }) => condemned.length === 0)) throw error;
      return found;
    });
    const dead = sorted.flatMap(({ queue, condemned }) => condemned.map((one) => ({ ...one, queue })));
    return condemner.accept(source, dead, 'central') ? withoutCondemned(content, sorted) : undefined;
  };
}

const isHeld = (part: ReturnType<typeof rowsOf>[number]): part is HeldRows => Array.isArray(part.chunks);

function originColumn({ reading }: Source, queue: string): string | undefined {
  const route = reading.routing?.to.find(({ central }) => central === queue);
  const { origin } = route ?? reading;
  return origin === 'none' ? undefined : `ev_${origin}`;
}

function withoutCondemned(content: CommitContent, sorted: readonly SortedRows[]): CommitContent {
  const [step] = content.steps as [CommitContent['steps'][number]];
  const condemned = sorted.reduce((sum, one) => sum + one.condemned.length, 0);
  const parts = sorted.map(({ queue, isDelaying, good }) => ({
    ...{ queue, isDelaying },
    chunks: good.length === 0 ? [] : [Buffer.concat(good)],
  }));
  const [main = { queue: content.queue, chunks: [] }, ...beside] = parts;
  const dead = sorted.flatMap(({ queue, isDelaying, condemned: events }) =>
    events.length === 0
      ? []
      : [
          {
            ...{ source: step.source, queue },
            events: isDelaying ? events.map((one) => ({ ...one, row: withoutDue(one.row) })) : events,
          },
        ],
  );
  return {
    ...main,
    beside,
    steps: [{ ...step, rows: step.rows - condemned }],
    dead: [...(content.dead ?? []), ...dead],
  };
}
