// Whether a database can take the place of another one, by what their servers say.
import type { ShardSide } from './side.ts';

interface Server {
  readonly in_recovery: boolean;
  readonly read_only: boolean;
  readonly process: string;
  readonly oid: number;
}

/**
 * @param options.isSame both have the same identity: one is a promoted standby of the other, or they are one.
 * @returns why it cannot. Two servers with one history that both take writes would drift apart.
 */
export async function whyNotThere(
  to: ShardSide,
  from: ShardSide | undefined,
  { isSame }: { readonly isSame: boolean },
): Promise<string | undefined> {
  const there = await serverOf(to);
  const { name } = to.shard;
  if (there.in_recovery || there.read_only)
    return `The database that --to names (${to.shard.displayUrl}) takes no writes: promote it first, then run this again.`;
  if (from === undefined) return undefined;
  const here = await serverOf(from);
  if (isSame && here.process !== there.process)
    return `Both servers have the same history and take writes, so what is written on the old one of ${name} would be lost: stop that one, then say --gone.`;
  if (here.process !== there.process || here.oid !== there.oid) return undefined;
  return `Both URLs lead to the same database of ${name}: there is nothing to move, so change the URL in the file on every host.`;
}

/** Whether it follows another server: then nothing is written there. */
export const isStandby = async (side: ShardSide): Promise<boolean> => (await serverOf(side)).in_recovery;

async function serverOf({ connection }: ShardSide): Promise<Server> {
  const [row] = await connection.query<Server>(
    `select pg_is_in_recovery() as in_recovery, current_setting('default_transaction_read_only')::boolean as read_only,
         concat_ws(' ', pg_postmaster_start_time()::text, current_setting('port')) as process,
         (select oid::bigint from pg_database where datname = current_database()) as oid`,
  );
  return row as Server;
}
