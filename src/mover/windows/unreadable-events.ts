// Finds the events on which a source's own expressions (`where:`, `columns:`, `deliver_at:`, `unique:`) fail on the shard, or whose text cannot be said in
// UTF-8, keeps them aside as dead events and reads the rest of the window without them.
//
// As with what central refuses: only a single event that failed alone, twice, while another passed in between, and only
// with what can be the event's own fault.
import type { DeadRow } from '../../central/commit/commit.ts';
import { splitRows, textIn } from '../../central/copy-rows.ts';
import { canBeEventsFault, sqlstateOf } from '../../errors/sqlstate.ts';
import { TributaryError } from '../../errors/tributary-error.ts';
import type { Connection } from '../../postgres/connection.ts';
import { endCopyOut, type Reader, startCopyOut } from '../../shards/copy-out.ts';
import { bracketed, type Reading } from '../../shards/window.ts';
import type { Condemner } from '../condemn.ts';
import { Cutter } from './cutter.ts';
import type { Found } from './found.ts';

/** Bytes that are none of the encoding's, and characters that ours does not have. */
const NOT_SAYABLE = ['22021', '22P05'];

/** Ids between two, both inclusive. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** One row of a shard: ids are not unique. */
interface Row {
  readonly id: number;
  /** True of this row alone, as SQL. */
  readonly condition: string;
}

/**
 * @param found a window whose COPY failed with `cause`, alone, before anything of it was handed on.
 * @returns the same window without the events to blame, which come as `dead`; undefined where the queue says to halt
 * instead, which the source then is. Throws `cause` where no event can be named.
 */
export async function withoutUnreadable(
  shard: Connection,
  found: Found,
  { cause, condemner }: { cause: unknown; condemner: Condemner },
): Promise<Found | undefined> {
  const { source } = found;
  const readable = await condemner.search(source, (most) => sortOutReading(shard, found, { cause, most }));
  return condemner.accept(source, readable.dead ?? [], 'shard') ? readable : undefined;
}

/** @param most more failing rows mean that the expression is wrong, not the events. */
async function sortOutReading(
  shard: Connection,
  found: Found,
  { cause, most }: { cause: unknown; most: number },
): Promise<Found> {
  const { reader } = found;
  if (!hasExpressions(reader.reading) && !NOT_SAYABLE.includes(sqlstateOf(cause) ?? '')) throw cause;
  const { all, first } = await idsIn(shard, reader, most);
  if (all === undefined) throw cause;
  const fails = (condition: string) => failureIn(shard, reader, condition);
  const ids = await failingIdsIn(all, { fails, most, cause });
  const failing: Row[] = [];
  const neighbour = first.find((id) => !ids.has(id));
  for (const id of ids) failing.push(...(await failingRows(shard, reader, { id, fails })));
  if (failing.length === 0 || neighbour === undefined) throw cause;
  if (failing.length > most) throw tooMany(most, cause);
  const passes = async () => (await fails(`ev_id = ${neighbour}`)) === undefined;
  const dead: DeadRow[] = [];
  for (const row of failing) {
    if (!(await passes())) throw cause;
    const again = await fails(row.condition);
    if (again === undefined) throw cause;
    dead.push(await keep(shard, reader, { row, failure: again }));
  }
  if (!(await passes())) throw cause;
  const condition = failing.map((row) => `not (${row.condition})`).join(' and ');
  return { ...found, dead, reader: { ...reader, reading: guarded(reader.reading, condition) } };
}

async function failingIdsIn(
  all: Range,
  { fails, most, cause }: { fails: (condition: string) => Promise<unknown>; most: number; cause: unknown },
): Promise<Set<number>> {
  const failing = new Set<number>();
  const search = async ({ from, to }: Range): Promise<void> => {
    if ((await fails(`ev_id between ${from} and ${to}`)) === undefined) return;
    if (from === to) {
      failing.add(from);
      if (failing.size > most) throw tooMany(most, cause);
      return;
    }
    const middle = from + Math.floor((to - from) / 2);
    await search({ from, to: middle });
    await search({ from: middle + 1, to });
  };
  await search(all);
  return failing;
}

/** Those of one id that fail alone: its other rows are other events. */
async function failingRows(
  shard: Connection,
  reader: Reader,
  { id, fails }: { id: number; fails: (condition: string) => Promise<unknown> },
): Promise<Row[]> {
  const places: string[] = [];
  const reading = guarded(unconditional(reader.reading, PLACE_ALONE), `ev_id = ${id}`);
  await readThrough(shard, { ...reader, reading }, (bytes) => {
    for (const row of splitRows([bytes])) places.push(textIn(row, 'ev_type') as string);
  });
  const rows = places.map((place): Row => {
    const [table, ctid] = place.split(' ');
    return { id, condition: `ev_id = ${id} and tableoid = ${table} and ctid = '${ctid}'` };
  });
  const failing: Row[] = [];
  for (const row of rows) if ((await fails(row.condition)) !== undefined) failing.push(row);
  return failing;
}

/** Why reading fails for these rows alone; undefined: it does not. */
async function failureIn(shard: Connection, reader: Reader, condition: string): Promise<unknown> {
  const reading = guarded(reader.reading, condition);
  try {
    await readThrough(shard, { ...reader, reading }, () => {});
    return undefined;
  } catch (error) {
    if (shard.failed) throw error;
    await shard.script('rollback');
    if (!canBeEventsFault(error)) throw error;
    return error;
  }
}

/** The row as it is stored, without the expressions that fail on it. */
async function keep(
  shard: Connection,
  reader: Reader,
  { row: { id, condition }, failure }: { row: Row; failure: unknown },
): Promise<DeadRow> {
  const reading = guarded(unconditional(reader.reading, {}), condition);
  const chunks: Buffer[] = [];
  await readThrough(shard, { ...reader, reading }, (bytes) => chunks.push(bytes), { isAsStored: true });
  const [row] = splitRows(chunks);
  // Gone, or somewhere else by now: what is named next time is still there.
  if (row === undefined) throw failure;
  const { origin } = reading;
  return {
    row,
    id,
    origin: origin === 'none' ? undefined : textIn(row, `ev_${origin}`),
    error: failure instanceof Error ? failure.message : String(failure),
    sqlstate: sqlstateOf(failure) ?? '',
  };
}

/** The range of all ids, also of those that cannot be read, and the first of them: more than may fail. */
async function idsIn(
  shard: Connection,
  reader: Reader,
  most: number,
): Promise<{ all: Range | undefined; first: readonly number[] }> {
  const reading = unconditional(reader.reading, ID_ALONE);
  const first = new Set<number>();
  let all: Range | undefined;
  await readThrough(shard, { ...reader, reading }, (bytes) => {
    for (const row of splitRows([bytes])) {
      const id = Number(textIn(row, 'ev_type'));
      all = { from: Math.min(all?.from ?? id, id), to: Math.max(all?.to ?? id, id) };
      if (first.size <= most) first.add(id);
    }
  });
  return { all, first: [...first] };
}

const unconditional = (reading: Reading, columns: Reading['columns']): Reading => ({
  ...reading,
  where: undefined,
  deliverAt: undefined,
  uniqueKey: undefined,
  routing: undefined,
  columns,
});

const hasExpressions = ({ where, deliverAt, columns, routing }: Reading): boolean =>
  where !== undefined || deliverAt !== undefined || routing !== undefined || Object.keys(columns).length > 0;

/** No field that could fail. */
const ID_ALONE: Reading['columns'] = {
  type: 'ev_id',
  data: 'null',
  extra1: 'null',
  extra2: 'null',
  extra3: 'null',
  extra4: 'null',
};
/** Where a row is: in which table, and where in it. */
const PLACE_ALONE: Reading['columns'] = { ...ID_ALONE, type: `tableoid::bigint || ' ' || ctid::text` };

/** Reads to the end, in pieces of whole rows: a window may be larger than memory. */
async function readThrough(
  shard: Connection,
  reader: Reader,
  onPiece: (bytes: Buffer) => void,
  encoding: { readonly isAsStored?: boolean } = {},
): Promise<void> {
  const cutter = new Cutter();
  for await (const chunk of await startCopyOut(shard, [reader], encoding)) {
    for (const { bytes } of cutter.push(chunk as Buffer)) onPiece(bytes);
  }
  await endCopyOut(shard);
}

/** CASE: the expression is not even tried where the condition is false. */
function guarded(reading: Reading, condition: string): Reading {
  return {
    ...reading,
    where: `case when ${condition} then ${reading.where === undefined ? 'true' : bracketed(reading.where)} else false end`,
  };
}

function tooMany(most: number, cause: unknown): TributaryError {
  return new TributaryError(
    `Reading fails on more than ${most} events an hour (${cause instanceof Error ? cause.message : cause}).`,
    { code: 'too-much-poison', kind: 'halting', cause },
  );
}
