// A captured change: what the triggers jsontriga and logutriga made of an insert, an update, a delete or a truncate. Pure.
import { TributaryError } from '../errors/tributary-error.ts';
import { type RowText, readJsonRow, readUrlRow } from './row-text.ts';

/** What of an event is read here. */
export interface ChangeEvent {
  readonly id: number;
  readonly type: string | null;
  readonly data: string | null;
  readonly extra1: string | null;
  readonly extra2: string | null;
}

export type Change = {
  /** `schema.name` on the shard. */
  readonly table: string;
} & (
  | { readonly op: 'truncate' }
  | { readonly op: 'delete'; readonly row: RowText }
  | {
      readonly op: 'insert' | 'update';
      readonly row: RowText;
      /** The row before, where the trigger says `backup`. */
      readonly before: RowText | undefined;
    }
);

type Op = Change['op'];

const JSON_OPS: Readonly<Record<string, Op>> = {
  INSERT: 'insert',
  UPDATE: 'update',
  DELETE: 'delete',
  TRUNCATE: 'truncate',
};
const URL_OPS: Readonly<Record<string, Op>> = { I: 'insert', U: 'update', D: 'delete' };

/** @throws TributaryError where the event is no such change. */
export function readChange(event: ChangeEvent): Change {
  const { type, extra1 } = event;
  const { op, json } = kindOf(type ?? '');
  if (op === undefined || extra1 === null || !extra1.includes('.')) throw noChange(event);
  if (op === 'truncate') return { table: extra1, op };
  const read = json ? readJsonRow : readUrlRow;
  const row = event.data === null ? undefined : read(event.data);
  if (row === undefined || row.size === 0) throw noChange(event);
  if (op === 'delete') return { table: extra1, op, row };
  const before = op === 'update' && event.extra2 !== null ? read(event.extra2) : undefined;
  return { table: extra1, op, row, before };
}

/** A table has few types of events, and each comes often. */
const kinds = new Map<string, { readonly op: Op | undefined; readonly json: boolean }>();
const MOST_KINDS = 1_000;

function kindOf(type: string) {
  const known = kinds.get(type);
  if (known !== undefined) return known;
  const json = /^\s*\{/.test(type);
  const kind = { json, op: json ? jsonOp(type) : urlOp(type) };
  if (kinds.size >= MOST_KINDS) kinds.clear();
  kinds.set(type, kind);
  return kind;
}

function jsonOp(type: string): Op | undefined {
  try {
    return JSON_OPS[String((JSON.parse(type) as { op?: unknown }).op)];
  } catch {
    return undefined;
  }
}

/** `I:id`, and `R` for a truncate. */
function urlOp(type: string): Op | undefined {
  if (type === 'R') return 'truncate';
  return type.charAt(1) === ':' ? URL_OPS[type.charAt(0)] : undefined;
}

const noChange = ({ id, type }: ChangeEvent): TributaryError =>
  new TributaryError(
    `Event ${id} of type ${type === null ? 'NULL' : `\`${type.slice(0, 60)}\``} is no change of a table as the triggers jsontriga and logutriga write it.`,
    {
      code: 'apply',
      kind: 'halting',
      remedy: 'Leave such events out by `where:` of the queue, or capture the table by one of the two.',
    },
  );
