// What a handler may throw, return, set or leave behind with one event, besides doing its work, and the result that must follow.
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import type { Context, Event } from '../../../src/handler/contract.ts';
import { ODD_ERRORS } from './odd-errors.ts';
import type { WorkerCentral } from './worker-central.ts';

export interface Misdeed {
  readonly name: string;
  does(event: Event, context: Context): unknown;
  /** The result for the event: it fails every time, it is done all the same, or either of the two. */
  readonly comes: 'dead' | 'done' | 'either';
  /** It needs the client, so it cannot be done without a transaction. */
  readonly needsClient: boolean;
  /** It takes seconds: a timeout has to expire, or a new connection has to be made. */
  readonly isSlow?: boolean;
}

/** Tables whose triggers misbehave at once (`early`) or at the commit (`late`), a deferred key, and a queue that refuses. */
export async function givenOccasions(central: WorkerCentral): Promise<void> {
  await central.query(`
    create table customer (id int primary key);
    create table bill (customer int references customer deferrable initially deferred);
    create table ticket (place int unique deferrable initially deferred);
    create table early (what text);
    create table late (what text);
    create function misbehave() returns trigger language plpgsql as $$
    begin
      if new.what = 'kill' then perform pg_terminate_backend(pg_backend_pid());
      elsif new.what = 'role' then perform set_config('role', '${ROLE}', false);
      else raise exception 'misbehaves with %', new.what using errcode = new.what;
      end if;
      return null;
    end $$;
    create trigger early after insert on early for each row execute function misbehave();
    create constraint trigger late after insert on late deferrable initially deferred
      for each row execute function misbehave();
    create function refuse() returns trigger language plpgsql as $$
    begin
      if new.ev_data like '%kill%' then perform pg_terminate_backend(pg_backend_pid());
      elsif new.ev_data like '%bad%' then raise exception 'is refused'; end if;
      return null;
    end $$;`);
  const tables = await central.query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where tablename ~ (select '^event_' || queue_id || '_' from pgq.queue where queue_name = 'emails')",
  );
  for (const { name } of tables)
    await central.query(`create constraint trigger refuse after insert on ${name}
      deferrable initially deferred for each row execute function refuse()`);
}

/** A role that every server has, and that has no effect here. */
const ROLE = 'pg_signal_backend';

const thrown: Misdeed[] = Object.entries(ODD_ERRORS).flatMap(([what, make]) => [
  {
    name: `throws ${what}`,
    comes: 'dead',
    needsClient: false,
    does: () => {
      throw make();
    },
  },
  { name: `rejects with ${what}`, comes: 'dead', needsClient: false, does: () => Promise.reject(make()) },
]);

const free = (name: string, comes: Misdeed['comes'], does: Misdeed['does']): Misdeed => ({
  ...{ name, comes, does },
  needsClient: false,
});

const returned: Misdeed[] = [
  free('returns a thenable that rejects', 'dead', () => thenable((_, no) => no(new Error('thenable')))),
  free('returns a thenable that throws', 'dead', () =>
    thenable(() => {
      throw null;
    }),
  ),
  free('puts off to no date', 'dead', (event, { retry }) => retry(event, { after: new Date(Number.NaN) })),
  free('puts off for ever', 'dead', (event, { retry }) => retry(event, { after: '99999999999d' })),
  free('puts off to the last of all dates', 'dead', (event, { retry }) =>
    retry(event, { after: new Date(8.64e15) }),
  ),
  free('puts off by a number', 'dead', (event, { retry }) => retry(event, { after: 5 as unknown as string })),
  free('puts off an event that is none', 'dead', (_, { retry }) => retry({} as Event)),
  free('makes it dead for an odd reason', 'dead', (event, { dead }) => dead(event, '\ud800 \u0000')),
  free('makes it dead for no reason', 'dead', (event, { dead }) =>
    dead(event, undefined as unknown as string),
  ),
  free('makes it dead for a reason that throws', 'dead', (event, { dead }) =>
    dead(event, ODD_ERRORS['an object whose toString throws']?.() as string),
  ),
  free('sends to nowhere', 'dead', (from, { send }) => send('nowhere', {}, { from })),
  free('sends a bigint', 'dead', (from, { send }) => send('emails', { data: { n: 1n } }, { from })),
  free('sends the character 0', 'dead', (from, { send }) => send('emails', { type: '\u0000' }, { from })),
  free('sends half a pair', 'done', (from, { send }) => send('emails', { data: '\ud800' }, { from })),
  free('sends what central refuses at the commit', 'dead', (from, { send }) =>
    send('emails', { data: 'bad' }, { from }),
  ),
  {
    ...free('sends what ends the connection at the commit', 'dead', (from, { send }) =>
      send('emails', { data: 'kill' }, { from }),
    ),
    isSlow: true,
  },
  free('sets the id of the event', 'dead', (event) => {
    Object.defineProperty(event, 'id', { value: 'none' });
  }),
  { ...free('never comes back', 'dead', () => new Promise(() => {})), isSlow: true },
];

function thenable(then: (ok: (value: unknown) => void, no: (error: unknown) => void) => void): unknown {
  return { then };
}

const sql = (name: string, comes: Misdeed['comes'], ...texts: string[]): Misdeed => ({
  name,
  comes,
  needsClient: true,
  async does(_event, { client }) {
    for (const text of texts) await client.query(text);
  },
});

const leaving = (name: string, comes: Misdeed['comes'], does: Misdeed['does']): Misdeed => ({
  ...{ name, comes, does },
  needsClient: true,
});

const CODES = [
  '08000',
  '08006',
  '25006',
  '40001',
  '40P01',
  '53100',
  '53300',
  '57014',
  '57P01',
  '58P01',
  'TB001',
  'XX000',
];

const stated: Misdeed[] = [
  ...CODES.flatMap((code) => [
    sql(`a statement fails with ${code}`, 'dead', `insert into early values ('${code}')`),
    sql(`the commit fails with ${code}`, 'dead', `insert into late values ('${code}')`),
  ]),
  sql('divides by zero', 'dead', 'select 1 / 0'),
  sql('breaks a key at the commit', 'dead', 'insert into bill values (1)'),
  sql('breaks its own key at the commit', 'dead', 'insert into ticket values (1), (1)'),
  sql('reads a file that is not there', 'dead', "select pg_read_file('/no/such/file')"),
  sql('loads a library that is not there', 'dead', "load 'no_such_library'"),
  sql('cancels itself', 'dead', 'select pg_cancel_backend(pg_backend_pid()), pg_sleep(1)'),
  { ...sql('ends its backend', 'dead', 'select pg_terminate_backend(pg_backend_pid())'), isSlow: true },
  { ...sql('ends its backend at the commit', 'dead', "insert into late values ('kill')"), isSlow: true },
  sql('changes the role at the commit', 'either', "insert into late values ('role')"),
  sql('closes all cursors', 'done', 'close all'),
  sql('discards its plans', 'done', 'discard plans', 'deallocate all'),
  sql('sets a time limit', 'done', "set statement_timeout = '1ms'"),
  sql('sets a time limit for idling', 'done', 'set local idle_in_transaction_session_timeout = 200'),
  sql('looks elsewhere', 'done', 'set search_path to nowhere'),
  sql('looks elsewhere by a function', 'done', "select set_config('search_path', 'nowhere', false)"),
  sql('looks elsewhere in a block', 'done', 'do $$ begin set search_path to nowhere; end $$'),
  sql('makes later transactions read-only', 'done', 'set default_transaction_read_only = on'),
  sql('makes its transaction read-only', 'dead', 'set transaction_read_only = on'),
  sql('speaks another encoding', 'done', "set client_encoding to 'latin1'"),
  sql('writes dates otherwise', 'done', "set datestyle to 'german'"),
  sql('defers everything', 'done', 'set constraints all deferred'),
  sql('sets the mode of the transaction', 'dead', 'set transaction read only'),
  sql('commits', 'dead', 'commit'),
  leaving('takes another role', 'done', (_, { client }) => client.query(`set local role ${ROLE}`)),
  leaving('takes another role for the session', 'done', (_, { client }) => client.query(`set role ${ROLE}`)),
  leaving('goes on after an error', 'dead', (_, { client }) => client.query('select 1 / 0').catch(() => {})),
  leaving('does not wait for an error', 'dead', (_, { client }) => void client.query('select 1 / 0')),
  leaving('asks for nothing', 'dead', (_, { client }) => client.query({ text: 5 } as unknown as string)),
  leaving('gives a parameter that throws', 'dead', (_, { client }) =>
    client.query('select $1', [
      {
        toPostgres: () => {
          throw Object.create(null);
        },
      },
    ]),
  ),
  {
    ...leaving(
      'does not wait for a long statement',
      'dead',
      (_, { client }) => void client.query('select pg_sleep(60)').catch(() => {}),
    ),
    isSlow: true,
  },
  {
    ...leaving('does not end a stream', 'dead', (_, { client }) => {
      client.query(copyFrom('copy customer from stdin')).on('error', () => {});
    }),
    isSlow: true,
  },
  {
    ...leaving('does not read a stream', 'dead', (_, { client }) => {
      client
        .query(copyTo("copy (select repeat('x', 100) from generate_series(1, 10)) to stdout"))
        .on('error', () => {});
    }),
    isSlow: true,
  },
];

export const MISDEEDS: readonly Misdeed[] = [...thrown, ...returned, ...stated];
