// A program of another make that shares the work of a group: with the extension python-pgq's CoopConsumer, else one of a few
// lines. Both know nothing but pgq_coop, and write each event into table `effect` in the transaction that finishes the batch.
import { packagePath } from '../../../src/lifecycle/package-root.ts';
import { givenFolder, writeFile } from '../../support/files.ts';
import { startProcess, type TestProcess } from '../../support/processes/process.ts';
import { provider } from '../../support/server/provider.ts';
import type { WorkerCentral } from '../../support/workers/worker-central.ts';

/** What it writes as `slot`. */
export const FOREIGN = 'foreign';

export interface ForeignOptions {
  readonly queue: string;
  readonly group: string;
  readonly member: string;
}

export async function startForeignMember(
  { database: { host, port, database, user, password = '' } }: WorkerCentral,
  { queue, group, member }: ForeignOptions,
): Promise<TestProcess> {
  if (provider() !== 'extension') {
    const [program, ...args] = [process.execPath, '--input-type=module', '-e', PROGRAM];
    const url = `postgresql://${user}:${password}@${host}:${port}/${database}`;
    return startProcess([program, ...args, url, queue, group, member], { cwd: packagePath('.') });
  }
  const folder = givenFolder();
  writeFile(folder, 'member.py', { text: PYTHON });
  writeFile(folder, 'member.ini', {
    text: `[member]
job_name = member
src_db = host=${host} port=${port} dbname=${database} user=${user} password=${password}
queue_name = ${queue}
consumer_name = ${group}
pgq_queue_name = ${queue}
pgq_consumer_name = ${group}
subconsumer_name = ${member}
loop_delay = 0.2
logfile =
pidfile =
`,
  });
  return startProcess(['/usr/bin/python3', `${folder}/member.py`, `${folder}/member.ini`], { cwd: folder });
}

const PYTHON = `import json, sys
from pgq.coopconsumer import CoopConsumer

class Member(CoopConsumer):
    def process_event(self, db, event):
        db.cursor().execute("insert into effect (n, slot) values (%s, '${FOREIGN}')", [json.loads(event.data)["n"]])
        event.tag_done()

Member("member", "src_db", sys.argv[1:]).start()
`;

const PROGRAM = `import pg from 'pg';
const [connectionString, ...names] = process.argv.slice(1);
const client = new pg.Client({ connectionString });
await client.connect();
await client.query('select pgq_coop.register_subconsumer($1, $2, $3)', names);
for (;;) {
  const { rows: [{ batch }] } = await client.query('select pgq_coop.next_batch($1, $2, $3) as batch', names);
  if (batch === null) { await new Promise((resolve) => setTimeout(resolve, 200)); continue; }
  await client.query('begin');
  const { rows } = await client.query('select ev_data from pgq.get_batch_events($1)', [batch]);
  for (const { ev_data } of rows)
    await client.query("insert into effect (n, slot) values ($1, '${FOREIGN}')", [JSON.parse(ev_data).n]);
  await client.query('select pgq_coop.finish_batch($1)', [batch]);
  await client.query('commit');
}
`;
