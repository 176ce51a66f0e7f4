// Finds the events on which a source's own expressions (`where:`, `columns:`) fail on the shard, keeps them aside as dead
// events and reads the rest of the window without them.
//
// As with what central refuses: only a single event that failed alone, twice, while another passed in between, and only
// with what can be the event's own fault.
import type { DeadRow } from '../central/commit.ts';
import { splitRows, textIn } from '../central/copy-rows.ts';
import { canBePoison, sqlstateOf } from '../errors/sqlstate.ts';
import { TributaryError } from '../errors/tributary-error.ts';
import type { Connection } from '../postgres/connection.ts';
import { endCopyOut, type Reader, startCopyOut } from '../shards/copy-out.ts';
import type { Reading } from '../shards/window.ts';
import type { Found } from './copy-windows.ts';
import { Cutter } from './cutter.ts';

/** Ids between two, both inclusive. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * @param found a window whose COPY failed with `cause`, alone.
 * @param most more culprits mean that the expression is wrong, not the events.
 * @returns the same window without the culprits, which come as `dead`; throws `cause` where none can be named.
 */
export async function sortOutReading(
  shard: Connection,
  found: Found,
  { cause, most }: { cause: unknown; most: number },
): Promise<Found> {
  const { reader } = found;
  if (reader.reading.where === undefined && Object.keys(reader.reading.columns).length === 0) throw cause;
  const ids = await idsIn(shard, reader);
  const all = rangeOf(ids);
  if (all === undefined) throw cause;
  const fails = (range: Range) => failureIn(shard, reader, range);
  const culprits = await culpritsIn(all, { fails, most, cause });
  const neighbour = ids.find((id) => !culprits.has(id));
  if (culprits.size === 0 || neighbour === undefined) throw cause;
  const dead: DeadRow[] = [];
  for (const id of culprits) {
    if ((await fails({ from: neighbour, to: neighbour })) !== undefined) throw cause;
    const again = await fails({ from: id, to: id });
    if (again === undefined) throw cause;
    dead.push(...(await keep(shard, reader, { id, failure: again })));
  }
  return {
    ...found,
    dead,
    reader: {
      ...reader,
      reading: guarded(reader.reading, `ev_id <> all ('{${[...culprits].join(',')}}'::bigint[])`),
    },
  };
}

async function culpritsIn(
  all: Range,
  { fails, most, cause }: { fails: (range: Range) => Promise<unknown>; most: number; cause: unknown },
): Promise<Set<number>> {
  const culprits = new Set<number>();
  const search = async (range: Range): Promise<void> => {
    if ((await fails(range)) === undefined) return;
    if (range.from === range.to) {
      culprits.add(range.from);
      if (culprits.size > most) throw tooMany(most, cause);
      return;
    }
    const middle = range.from + Math.floor((range.to - range.from) / 2);
    await search({ from: range.from, to: middle });
    await search({ from: middle + 1, to: range.to });
  };
  await search(all);
  return culprits;
}

/** Why reading fails for these ids alone; undefined: it does not. */
async function failureIn(shard: Connection, reader: Reader, { from, to }: Range): Promise<unknown> {
  try {
    await drain(shard, { ...reader, reading: guarded(reader.reading, `ev_id between ${from} and ${to}`) });
    return undefined;
  } catch (error) {
    if (shard.failed) throw error;
    await shard.script('rollback');
    if (!canBePoison(error)) throw error;
    return error;
  }
}

/** The rows of one id as they are, without the expressions that fail on them. */
async function keep(
  shard: Connection,
  reader: Reader,
  { id, failure }: { id: number; failure: unknown },
): Promise<DeadRow[]> {
  const reading = guarded(withoutExpressions(reader.reading), `ev_id = ${id}`);
  const chunks = await drain(shard, { ...reader, reading });
  const { origin } = reading;
  return splitRows(chunks).map((row) => ({
    row,
    origin: origin === 'none' ? undefined : textIn(row, `ev_${origin}`),
    error: failure instanceof Error ? failure.message : String(failure),
    sqlstate: sqlstateOf(failure) ?? '',
  }));
}

/** The ids of all rows, also of those on which the expressions fail. */
async function idsIn(shard: Connection, reader: Reader): Promise<number[]> {
  const reading: Reading = { ...reader.reading, where: undefined, columns: { type: 'ev_id', data: 'null' } };
  const chunks = await drain(shard, { ...reader, reading });
  return splitRows(chunks).map((row) => Number(textIn(row, 'ev_type')));
}

async function drain(shard: Connection, reader: Reader): Promise<Buffer[]> {
  const cutter = new Cutter();
  const chunks: Buffer[] = [];
  for await (const chunk of await startCopyOut(shard, [reader])) {
    chunks.push(...cutter.push(chunk as Buffer).map(({ bytes }) => bytes));
  }
  await endCopyOut(shard);
  return chunks;
}

function rangeOf(ids: readonly number[]): Range | undefined {
  const [first] = ids;
  if (first === undefined) return undefined;
  return ids.reduce<Range>(({ from, to }, id) => ({ from: Math.min(from, id), to: Math.max(to, id) }), {
    from: first,
    to: first,
  });
}

const withoutExpressions = (reading: Reading): Reading => ({ ...reading, where: undefined, columns: {} });

/** CASE: the expression is not even tried where the condition is false. */
function guarded(reading: Reading, condition: string): Reading {
  return {
    ...reading,
    where: `case when ${condition} then ${reading.where === undefined ? 'true' : `(${reading.where})`} else false end`,
  };
}

function tooMany(most: number, cause: unknown): TributaryError {
  return new TributaryError(
    `Its expressions fail on more than ${most} events an hour (${cause instanceof Error ? cause.message : cause}).`,
    { code: 'too-much-poison', kind: 'halting', cause },
  );
}
