// The statements by which producers insert events, in a transaction of the caller's and over any library: their parameters are texts.
//
// Each gives the ids in the order of the events, and no row where there is no such queue, so that no error breaks the transaction.
// The transaction has its id before PgQ chooses a table: otherwise a rotation in between could lose the events.
import type { PgqSchema } from './provider.ts';

/** Type, data and the four extra columns of an event. */
export type EventTexts = readonly [
  type: string | null,
  data: string | null,
  extra1: string | null,
  extra2: string | null,
  extra3: string | null,
  extra4: string | null,
];

/** Each parameter stands in the text once, in the order of the values: some libraries know no numbers. */
export interface InsertCall {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

const NUMBERED = '(select txid_current())';
const FIELDS = [0, 1, 2, 3, 4, 5].map((at) => `e.event ->> ${at}`);
const BULK = 'insert_events_ids(text, text[], text[], text[], text[], text[], text[])';

/** Row: `id`. */
export const insertOne = (schema: PgqSchema, queue: string, event: EventTexts): InsertCall => ({
  text: `select ${schema}.insert_event(q.queue_name, $1::text, $2::text, $3::text, $4::text, $5::text, $6::text)::text as id
  from ${NUMBERED} t, ${schema}.queue q where q.queue_name = $7::text`,
  values: [...event, queue],
});

/** By any PgQ. Rows: `id`, and `bulk`: whether `insertInBulk` works on this database. */
export const insertEach = (schema: PgqSchema, queue: string, events: readonly EventTexts[]): InsertCall => ({
  text: `select ${schema}.insert_event(q.queue_name, ${FIELDS.join(', ')})::text as id,
       to_regprocedure('${schema}.${BULK}') is not null as bulk
  from ${NUMBERED} t, ${schema}.queue q, json_array_elements($1::text::json) with ordinality e (event, place)
 where q.queue_name = $2::text order by e.place`,
  values: [JSON.stringify(events), queue],
});

/** By the bundled engine. Rows: `id`. */
export const insertInBulk = (
  schema: PgqSchema,
  queue: string,
  events: readonly EventTexts[],
): InsertCall => ({
  text: `select i.id::text as id
  from ${NUMBERED} t, ${schema}.queue q,
       (select ${FIELDS.map((field, at) => `array_agg(${field} order by e.place) as c${at}`).join(', ')}
          from json_array_elements($1::text::json) with ordinality e (event, place)) a,
       ${schema}.insert_events_ids(q.queue_name, ${FIELDS.map((_field, at) => `a.c${at}`).join(', ')}) with ordinality i (id, place)
 where q.queue_name = $2::text order by i.place`,
  values: [JSON.stringify(events), queue],
});

/** Row: `names`, a JSON array. */
export const namesOfQueues = (schema: PgqSchema): InsertCall => ({
  text: `select coalesce(json_agg(queue_name order by queue_name), '[]')::text as names from ${schema}.queue`,
  values: [],
});
