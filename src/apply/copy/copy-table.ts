// Copies the rows of one table of one shard, piece by piece in the order of its key, while changes go on.
//
// Invariant: a piece is copied under a snapshot that is taken while the worker that applies the shard's changes waits: so each piece is
// newer than all that was applied before it. Behind it all changes are applied that have not been, also those that the piece has
// already: they come in their order, and the last one of each row leaves what the piece has, or what is newer.
// Order: the row of the copy is locked · a snapshot on the shard · COPY · the rows and how far they go, in one commit.
// Fails by: throwing; a piece is copied whole or not at all, and the next run goes on behind the last one.
import { TIMING } from '../../lifecycle/timing.ts';
import type { Connection } from '../../postgres/connection.ts';
import { identifier, literal } from '../../postgres/quote.ts';
import { type Target, unfit } from '../target.ts';
import {
  namesSql,
  ONE_SPELLING,
  type SourceColumn,
  type SourceTable,
  sharedColumns,
} from './source-table.ts';
import { copyStaged, NEWEST_SQL } from './staged-rows.ts';

export interface TableCopy {
  readonly queue: string;
  readonly target: Target;
  readonly source: SourceTable;
  readonly shard: Connection;
  readonly central: Connection;
  readonly signal: AbortSignal;
  /** Called behind each piece with all rows so far. */
  onPiece?(rows: number): void;
}

export interface CopyState {
  readonly state: 'copying' | 'copied' | 'repairing';
  readonly copiedTo: readonly string[] | null;
  readonly rows: number;
}

const FIRST_ROWS = 2_000;
const MOST_ROWS = 50_000;

export const COPY_STATE = 'state, copied_to as "copiedTo", rows';
const OWN = 'central_queue = $1 and applied = $2 and shard = $3 and source = $4';

const ownValues = ({ queue, target, source }: Pick<TableCopy, 'queue' | 'target' | 'source'>) => [
  ...[queue, target.table, source.shard, source.name],
];

/** @returns how many rows there are in all; fewer where it was stopped. @throws where shard or central cannot go on. */
export async function copyTable(copy: TableCopy, from: CopyState): Promise<CopyState> {
  let state = from;
  let most = FIRST_ROWS;
  while (state.state === 'copying' && !copy.signal.aborted) {
    const begunMs = performance.now();
    try {
      state = await copyPiece(copy, state, most);
    } catch (error) {
      for (const connection of [copy.shard, copy.central])
        if (!connection.failed) await connection.script('rollback').catch(() => {});
      throw error;
    }
    copy.onPiece?.(state.rows);
    const tookMs = Math.max(1, performance.now() - begunMs);
    most = Math.round(
      Math.min(MOST_ROWS, Math.max(500, most * Math.min(4, TIMING.commands.pieceMs / tookMs))),
    );
  }
  return state;
}

async function copyPiece(copy: TableCopy, before: CopyState, most: number): Promise<CopyState> {
  const { central, shard, source, target } = copy;
  await central.script('begin isolation level read committed');
  const [now] = await central.query<CopyState & { newest: string | null }>(
    `select ${COPY_STATE}, ${NEWEST_SQL}
     from tributary.apply_copy where ${OWN} for update`,
    ownValues(copy),
    { timeoutMs: TIMING.commands.copyPieceMs },
  );
  if (now === undefined || String(now.copiedTo) !== String(before.copiedTo) || now.state !== before.state)
    throw unfit(
      `Another command copies ${source.name} of shard ${source.shard} at the same time.`,
      'Let one of the two go on.',
    );
  await shard.script(
    `begin isolation level repeatable read read only; ${ONE_SPELLING};
     set local statement_timeout = 0; set local idle_in_transaction_session_timeout = '10min'`,
  );
  const piece = await nextPiece(copy, now.copiedTo, most);
  const columns = sharedColumns(source, target);
  const rows = await copyStaged(
    { shard, central, target },
    {
      ...{ queue: copy.queue, newest: now.newest },
      shard: source.shard,
      columns,
      select: `select ${namesSql(columns)} from ${source.sql} where ${piece.where}`,
    },
  );
  await shard.script('commit');
  const state = piece.isLast ? 'copied' : 'copying';
  await central.query(
    `update tributary.apply_copy set state = $5, copied_to = $6, rows = rows + $7, moved_at = clock_timestamp(), trouble = null,
       ended_at = case when $5 = 'copied' then now() end where ${OWN}`,
    [...ownValues(copy), state, piece.last, rows],
  );
  await central.script('commit');
  return { state, copiedTo: piece.last, rows: now.rows + rows };
}

interface Piece {
  readonly where: string;
  readonly last: readonly string[] | null;
  readonly isLast: boolean;
}

async function nextPiece(
  { shard, source }: TableCopy,
  after: readonly string[] | null,
  most: number,
): Promise<Piece> {
  const key = source.keyOrder;
  if (key === undefined) return { where: 'true', last: null, isLast: true };
  const names = `(${namesSql(key)})`;
  const behind = after === null ? 'true' : `${names} > ${valuesSql(key, after)}`;
  const texts = key.map(({ name }) => `${identifier(name)}::text`).join(', ');
  const [row] = await shard.query<{ last: string[] }>(
    `select array[${texts}] as last from ${source.sql} where ${behind} order by ${namesSql(key)} offset ${most - 1} limit 1`,
    [],
    { timeoutMs: TIMING.commands.copyPieceMs },
  );
  if (row === undefined) return { where: behind, last: after, isLast: true };
  return { where: `${behind} and ${names} <= ${valuesSql(key, row.last)}`, last: row.last, isLast: false };
}

const valuesSql = (key: readonly SourceColumn[], values: readonly string[]): string =>
  `(${key.map(({ type }, at) => `${literal(values[at] ?? '')}::${type}`).join(', ')})`;
