// The SQL that tells, for each event of a source with routes, which of its central queues it goes to. Pure.
//
// The number of the destination is added to the queue's number that each row has in front, so that no row has a column more:
// 0 for a source with one central queue, 1 for its first route, and so on. An event that no route takes comes without its
// contents, to be counted.
import { bracketed, conditionOf, type Reading, type Routing } from './window.ts';

/** The destination stands in the bits from this one on. */
export const DESTINATION_BIT = 17;
/** The destination of events that go nowhere. */
export const NOBODY = 0x1fff;

/** The table with the destination of each row; with `all` a row for each of them. The table's own columns stay as they are. */
export function fromSql(table: string, routing: Routing | undefined): string {
  if (routing === undefined) return table;
  const { mode, to } = routing;
  if (mode === 'first') {
    const cases = to.map(({ where }, k) => `when ${conditionOf(where)} then ${k + 1}`).join(' ');
    // A fence: the conditions are tried once, not again for each column that depends on them.
    return `${table}, lateral (select case ${cases} else ${NOBODY} end as to_number offset 0) tributary_route`;
  }
  const numbers = to.map(({ where }, k) =>
    where === undefined ? `${k + 1}` : `case when ${bracketed(where)} then ${k + 1} end`,
  );
  const taking = `array_remove(array[${numbers.join(', ')}]::int4[], null)`;
  return `${table}, lateral unnest(coalesce(nullif(${taking}, '{}'), array[${NOBODY}])) tributary_route (to_number)`;
}

const NUMBER = 'tributary_route.to_number';

/** What is added to the queue's number for the destination. */
export const DESTINATION_SQL = `${NUMBER} * ${2 ** DESTINATION_BIT}`;

/** An expression of the select list as each route has it. */
export function perRoute(reading: Reading, sqlFor: (reading: Reading) => string): string {
  const { routing } = reading;
  if (routing === undefined) return sqlFor(reading);
  const all = routing.to.map(sqlFor);
  if (all.every((sql) => sql === all[0])) return `case when ${NUMBER} <> ${NOBODY} then ${all[0]} end`;
  return `case ${NUMBER} ${all.map((sql, k) => `when ${k + 1} then ${sql}`).join(' ')} end`;
}
