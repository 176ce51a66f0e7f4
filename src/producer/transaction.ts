// The transaction that a caller gives, of whichever library: recognised by what it can do, so that none of them is needed.
import type { InsertCall } from '../queue/insert.ts';
import { noTransaction } from './mistakes.ts';

export type ProducedRow = Readonly<Record<string, unknown>>;

export interface CallersTransaction {
  run(call: InsertCall): Promise<readonly ProducedRow[]>;
  /** What stays the same over all transactions on one database; undefined: the library does not show it. */
  readonly database: object | string | undefined;
}

type Members = Readonly<Record<string, unknown>>;
type Method = (...values: unknown[]) => unknown;

/** @throws where it is none, or something that would not send in the caller's transaction. */
export function transactionOf(given: unknown): CallersTransaction {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) throw unknownKind();
  const tx = given as Members;
  const can = (name: string) => typeof tx[name] === 'function';
  const call = (name: string, ...values: unknown[]) => (tx[name] as Method).apply(given, values);
  if (can('$queryRawUnsafe')) {
    if (can('$connect')) throw outside('a Prisma client', 'prisma.$transaction(async (tx) => …)');
    return {
      run: async ({ text, values }) => rowsOf(await call('$queryRawUnsafe', text, ...values)),
      database: objectOr(tx._engine),
    };
  }
  if (can('executeQuery') && can('getExecutor')) {
    if (tx.isTransaction !== true) throw outside('a Kysely', 'db.transaction().execute(async (tx) => …)');
    const { adapter } = call('getExecutor') as Members;
    return {
      run: async (insert) => rowsOf(await call('executeQuery', compiled(insert))),
      database: objectOr(adapter),
    };
  }
  if (can('raw') && typeof given === 'function') {
    if (tx.isTransaction !== true) throw outside('a Knex', 'knex.transaction(async (tx) => …)');
    const { client } = tx as { readonly client?: Members };
    return {
      // Knex has no numbers, only marks.
      run: async ({ text, values }) => rowsOf(await call('raw', text.replace(/\$\d+/g, '?'), values)),
      database: objectOr(client?.config),
    };
  }
  if (can('unsafe')) {
    if (!can('savepoint') && !can('release')) throw outside('a postgres.js', 'sql.begin(async (sql) => …)');
    return {
      run: async ({ text, values }) => rowsOf(await call('unsafe', text, values)),
      database: undefined,
    };
  }
  if (can('execute') && typeof tx.session === 'object' && tx.session !== null)
    return ofDrizzle(tx.session as Members);
  if (can('query')) {
    if (typeof tx.totalCount === 'number') {
      throw noTransaction(
        'A pool of pg is no transaction: each of its queries may go over another connection.',
        'Take a client from it, `begin`, and give that client.',
      );
    }
    // One that does something just now may be at its `begin`.
    if (can('getTransactionStatus') && call('getTransactionStatus') === 'I' && tx.readyForQuery === true) {
      throw noTransaction(
        'This client of pg is in no transaction: the event would commit alone.',
        '`begin` first, and send before `commit`.',
      );
    }
    return {
      run: async ({ text, values }) => rowsOf(await call('query', text, values)),
      database: addressOf(tx.connectionParameters) ?? given,
    };
  }
  throw unknownKind();
}

/** Drizzle runs over a client of pg or postgres.js, which takes parameters without Drizzle's own types. */
function ofDrizzle({ client }: Members): CallersTransaction {
  const under = client as Members | undefined;
  const isOutside =
    typeof under?.totalCount === 'number' ||
    (typeof under?.unsafe === 'function' && typeof under.savepoint !== 'function');
  if (isOutside) throw outside('a Drizzle', 'db.transaction(async (tx) => …)');
  return transactionOf(client);
}

const compiled = ({ text, values }: InsertCall) => ({
  sql: text,
  parameters: values,
  query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
  queryId: { queryId: 'tributary' },
});

function rowsOf(result: unknown): readonly ProducedRow[] {
  return (
    Array.isArray(result) ? result : (result as { readonly rows: ProducedRow[] }).rows
  ) as ProducedRow[];
}

/** The address of pg's connection; clients of one pool share no object. */
function addressOf(parameters: unknown): string | undefined {
  if (typeof parameters !== 'object' || parameters === null) return undefined;
  const { host, port, database } = parameters as Members;
  return `${host}:${port}/${database}`;
}

const objectOr = (value: unknown): object | undefined =>
  typeof value === 'object' && value !== null ? value : undefined;

const outside = (what: string, how: string) =>
  noTransaction(
    `${what} outside of a transaction cannot be sent in: the event would not commit with what it is about.`.replace(
      /^./,
      (first) => first.toUpperCase(),
    ),
    `Send inside \`${how}\`.`,
  );

const unknownKind = () =>
  noTransaction(
    'What was given to send in is no transaction that this producer knows.',
    'Give one of pg, postgres.js, Knex, Kysely, Drizzle or Prisma, or anything with `query(text, values)` as pg has it.',
  );
