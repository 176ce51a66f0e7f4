// What `tributary capture` prints: changes by shard, where many shards have the same ones together; and how tables stand.
import type { Config } from '../../../config/config.ts';
import { counted } from '../../../errors/words.ts';
import type { CapturedTable, CaptureState } from '../../../install/capture/judge.ts';
import type { CaptureRow } from '../../../install/capture/on-shards.ts';
import type { Output } from '../../context.ts';
import { type Column, table, widthOf } from '../../terminal/output.ts';

const MOST_NAMED = 5;

/** @param isDone whether it was done; else it would be. */
export function changesText(rows: readonly CaptureRow[], { isDone }: { readonly isDone: boolean }): string {
  const changes = ({ did, work }: CaptureRow) => (isDone ? did : work.map(({ what }) => what));
  const groups = new Map<string, CaptureRow[]>();
  for (const row of rows) {
    const text = changes(row)
      .map((what) => `  ${what}\n`)
      .join('');
    if (text !== '') groups.set(text, [...(groups.get(text) ?? []), row]);
  }
  const lists = [...groups].map(([text, own]) => `${namesOf(own.map(({ shard }) => shard))}:\n${text}`);
  const changed = rows.filter((row) => changes(row).length > 0).length;
  const captured = rows.flatMap(({ tables = [] }) =>
    tables.filter(({ state }) => state === 'captured'),
  ).length;
  const left = rows.flatMap(({ tables = [] }) => tables.filter(({ state }) => state === 'left-over'));
  const rest =
    left.length === 0 || lists.some((text) => text.includes('no longer'))
      ? ''
      : `${counted(left.length, 'table')} of shards ${left.length === 1 ? 'has' : 'have'} triggers that the file does not want: \`tributary capture remove --left-over\`.\n`;
  const of = `${changed.toLocaleString('en-US')} of ${counted(rows.length, 'shard')}`;
  const well = isDone
    ? counted(captured, 'table was', 'tables were')
    : counted(captured, 'table is', 'tables are');
  const summary = `${of} ${isDone ? 'changed' : 'would change'}; ${well} as the file says${isDone ? ' already' : ''}.\n`;
  return `${lists.join('')}${rest}${summary}`;
}

/** A capture's table over all shards. */
interface Standing {
  readonly capture: string;
  readonly table: string;
  readonly on: readonly { readonly shard: string; readonly own: CapturedTable }[];
}

/** One line for each table, then one for each thing that is not right. */
export function statusText(
  rows: readonly CaptureRow[],
  { captures = [] }: Pick<Config, 'captures'>,
  stdout: Output,
): string {
  if (captures.length === 0 && rows.every(({ tables }) => tables?.length === 0))
    return 'The file has no capture.\n';
  const standings = new Map<string, Standing>();
  for (const { shard, tables = [] } of rows) {
    for (const own of tables) {
      const id = JSON.stringify([own.capture, own.table]);
      const { capture, table: name } = own;
      standings.set(id, { capture, table: name, on: [...(standings.get(id)?.on ?? []), { shard, own }] });
    }
  }
  const in_ = (state: CaptureState) => (standing: Standing) => {
    const number = standing.on.filter(({ own }) => own.state === state).length;
    return number === 0 ? undefined : number;
  };
  const columns: readonly Column<Standing>[] = [
    { title: 'capture', value: ({ capture }) => capture },
    { title: 'table', value: ({ table: name }) => name },
    { title: 'queue', value: ({ capture }) => captures.find(({ name }) => name === capture)?.queue },
    { title: 'by', value: ({ on }) => [...new Set(on.flatMap(({ own }) => own.by ?? []))].join(', ') },
    ...(['captured', 'missing', 'disabled', 'changed', 'refused', 'left-over'] as const).map(
      (state): Column<Standing> => ({ title: state.replace('-', ' '), value: in_(state), align: 'right' }),
    ),
  ];
  const shown = columns.filter(
    ({ title, value }) =>
      title === 'captured' || [...standings.values()].some((one) => value(one) !== undefined),
  );
  const notes = new Map<string, string[]>();
  for (const { capture, table: name, on } of standings.values()) {
    for (const { shard, own } of on) {
      for (const why of own.why) {
        const text = `${name} (capture ${capture}) ${own.state}: ${why}`;
        notes.set(text, [...(notes.get(text) ?? []), shard]);
      }
    }
  }
  return [
    table(shown, [...standings.values()], { width: widthOf(stdout) }),
    ...[...notes].map(([text, shards]) => `${namesOf(shards)}: ${text}.\n`),
  ].join('');
}

function namesOf(shards: readonly string[]): string {
  const named = shards.slice(0, MOST_NAMED).join(', ');
  return shards.length > MOST_NAMED
    ? `${named} and ${(shards.length - MOST_NAMED).toLocaleString('en-US')} more`
    : named;
}

/** Stable keys. */
export const asJson = ({ shard, url, tables, work, did, ...row }: CaptureRow) => ({
  shard,
  url,
  tables:
    tables?.map(({ capture, table: name, state, why, by }) => ({
      ...{ capture, table: name, state, why },
      by: by ?? null,
    })) ?? null,
  changes: work.map(({ what }) => what),
  did,
  mistakes: [...row.failures, ...row.refusals, ...row.mistakes],
  warnings: row.warnings,
});
