// What the tests of cooperative consumption say over and over.
import {
  type Adoption,
  type CoopBatch,
  type CoopMember,
  coopAdoptSql,
  coopFinishSql,
  coopHoldSql,
  coopNextBatch,
  coopRegister,
  type NextBatchOptions,
} from '../../src/queue/coop.ts';
import { type Event, eventsOf, givenQueue, insert, type Queryable, tick } from './pgq.ts';

export interface Group {
  readonly queue: string;
  readonly group: string;
}

/** As install does: at the newest tick. */
export const registerGroup = (db: Queryable, { queue, group }: Group) =>
  db.query('select pgq.register_consumer($1, $2)', [queue, group]);

/** A queue that ticks at every call, with group `g` and its members. */
export async function givenGroup(
  db: Queryable,
  queue: string,
  members: readonly string[] = ['a', 'b'],
): Promise<Group> {
  await givenQueue(db, queue);
  await registerGroup(db, { queue, group: 'g' });
  for (const member of members) await coopRegister(db, { queue, group: 'g', member });
  return { queue, group: 'g' };
}

/** One tick per list of payloads. */
export async function produce(db: Queryable, { queue }: Group, ...ticks: (readonly string[])[]) {
  for (const payloads of ticks) {
    for (const data of payloads) await insert(db, queue, data);
    await tick(db, queue);
  }
}

export const take = (
  db: Queryable,
  group: Group,
  member: string,
  options: NextBatchOptions = {},
): Promise<CoopBatch | undefined> => coopNextBatch(db, { ...group, member, ...options });

/** A batch that must be there. */
export async function taken(
  db: Queryable,
  group: Group,
  member: string,
  options: NextBatchOptions = {},
): Promise<CoopBatch> {
  const batch = await take(db, group, member, options);
  if (batch === undefined) throw new Error(`no batch for ${member}`);
  return batch;
}

export const payloadsOf = async (db: Queryable, batch: CoopBatch) =>
  (await eventsOf(db, batch.token)).map((event: Event) => event.ev_data);

/** Takes and finishes until there is nothing; all payloads in the order of delivery. */
export async function drain(db: Queryable, group: Group, member: string, deadAfterMs?: number) {
  const all: (string | null)[] = [];
  for (;;) {
    const batch = await take(db, group, member, deadAfterMs === undefined ? {} : { deadAfterMs });
    if (batch === undefined) return all;
    all.push(...(await payloadsOf(db, batch)));
    await coopFinish(db, batch.token);
  }
}

export interface SubscriptionRow {
  readonly consumer: string;
  readonly last: number | null;
  readonly next: number | null;
  readonly batch: number | null;
}

/** The group's rows in pgq.subscription, its main first. */
export const rowsOf = (db: Queryable, { queue }: Group) =>
  db.query<SubscriptionRow>(
    `select c.co_name as consumer, s.sub_last_tick as last, s.sub_next_tick as next, s.sub_batch as batch
     from pgq.subscription s join pgq.consumer c on c.co_id = s.sub_consumer join pgq.queue q on q.queue_id = s.sub_queue
     where q.queue_name = $1 order by c.co_name`,
    [queue],
  );

/** Makes the member look silent for an hour. */
export const silence = (db: Queryable, consumer: string) =>
  db.query(
    `update pgq.subscription set sub_active = now() - interval '1 hour'
     where sub_consumer = (select co_id from pgq.consumer where co_name = $1)`,
    [consumer],
  );

/** As a worker finishes, by the statement that it sends. */
export async function coopFinish(db: Queryable, token: number): Promise<void> {
  await db.query(coopFinishSql(token));
}

/** As a worker's transaction begins, by the statement that it sends. */
export async function coopHold(db: Queryable, token: number): Promise<boolean> {
  return only(await db.query(coopHoldSql(token))) === true;
}

/** As install adopts a consumer, by the statement that it runs. */
export async function coopAdopt(db: Queryable, adoption: Adoption): Promise<boolean> {
  return only(await db.query(coopAdoptSql(adoption))) === 1;
}

/** As docs/operating.md takes a member out. */
export async function coopUnregister(db: Queryable, { queue, group, member }: CoopMember): Promise<boolean> {
  return only(await db.query('select tributary.coop_unregister($1, $2, $3)', [queue, group, member])) === 1;
}

/** As docs/operating.md ends a group. */
export async function coopDropGroup(
  db: Queryable,
  { queue, group, force = false }: Group & { readonly force?: boolean },
): Promise<{ members: number; openBatches: number; retries: number }> {
  const [row = {}] = await db.query(
    'select members, open_batches, retries from tributary.coop_drop_group($1, $2, $3)',
    [queue, group, force],
  );
  return {
    members: Number(row.members),
    openBatches: Number(row.open_batches),
    retries: Number(row.retries),
  };
}

const only = ([row]: readonly Record<string, unknown>[]): unknown => Object.values(row ?? {})[0];
