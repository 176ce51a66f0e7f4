// What a destination notes of what it has taken, and upstream's own consumers that rely on it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { givenDatabase, provider, type TestDatabase } from '../support/server/database.ts';
import { givenQueue, insert, scalar, tick } from './pgq.ts';

const PYTHON = '/usr/bin/python3';
const HAS_CLIENT = existsSync('/usr/lib/python3/dist-packages/pgq');
const folder = mkdtempSync(join(tmpdir(), 'tributary-pgq-ext-'));

afterAll(() => rmSync(folder, { recursive: true }));

/** A consumer of upstream's library that copies what it gets into table `got` of the destination, one turn. */
const SCRIPT = `
import sys, pgq, skytools
class Copy(pgq.KIND):
    def process_remote_batch(self, db, batch_id, event_list, dst_db):
        curs = dst_db.cursor()
        for ev in event_list:
            curs.execute('insert into got values (%s, %s)', [ev.ev_id, ev.ev_data])
        if self.cf.get('fails', ''): raise Exception('on purpose')
c = Copy('KIND', 'src_db', 'dst_db', sys.argv[1:])
c.set_single_loop(1)
c.start()
`;

function runConsumer(kind: string, from: TestDatabase, to: TestDatabase, fails = ''): Promise<string> {
  const dsn = ({ database }: TestDatabase) =>
    `host=${database.host} port=${database.port} user=${database.user} password=${database.password} dbname=${database.database}`;
  const script = join(folder, `${kind}.py`);
  const ini = join(folder, `${kind}.ini`);
  writeFileSync(script, SCRIPT.replaceAll('KIND', kind));
  writeFileSync(
    ini,
    `[${kind}]\njob_name = ${kind}\npgq_queue_name = q\npgq_lazy_fetch = 0\nsrc_db = ${dsn(from)}\ndst_db = ${dsn(to)}\nfails = ${fails}\nexception_sleep = 0\nlogfile =\npidfile =\n`,
  );
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, [script, ini], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    child.on('error', reject);
    child.on('close', () => resolve(said));
  });
}

describe.runIf(provider() === 'engine')('contract/pgq_ext', () => {
  test('batches: the last one is known, and taken once', async () => {
    const db = await givenDatabase();
    const ask = (call: string) => scalar(db, `select pgq_ext.${call}`);
    expect(await ask("is_batch_done('c', 5)")).toBe(false);
    expect(await ask("set_batch_done('c', 5)")).toBe(true);
    expect(await ask("set_batch_done('c', 5)")).toBe(false);
    expect(await ask("is_batch_done('c', 5)")).toBe(true);
    expect(await ask("is_batch_done('c', 4)")).toBe(false);
    expect(await ask("is_batch_done('c', null)")).toBeNull();
    expect(await ask("set_batch_done('c', 4)")).toBe(true);
    expect(await ask("is_batch_done('c', 5)")).toBe(false);
    for (const nothing of ['0', '-1', 'null']) {
      expect(await ask(`set_batch_done('c', ${nothing})`)).toBe(true);
    }
    expect(await ask("is_batch_done('c', 4)")).toBe(true);
    expect(await ask("is_batch_done('c', 'member', 4)")).toBe(false);
    expect(await ask("set_batch_done('c', 'member', 4)")).toBe(true);
    expect(await ask("is_batch_done('c', 'member', 4)")).toBe(true);
  });

  test('events: those of the batch at hand are known, of a former one forgotten', async () => {
    const db = await givenDatabase();
    const ask = (call: string) => scalar(db, `select pgq_ext.${call}`);
    expect(await ask("is_event_done('c', 1, 7)")).toBe(false);
    expect(await ask("set_event_done('c', 1, 7)")).toBe(true);
    expect(await ask("set_event_done('c', 1, 7)")).toBe(false);
    expect(await ask("is_event_done('c', '', 1, 7)")).toBe(true);
    expect(await ask("set_event_done('c', 'member', 1, 7)")).toBe(true);
    expect(await ask("set_event_done('c', 2, 7)")).toBe(true);
    expect(await ask("is_event_done('c', 1, 7)")).toBe(false);
    expect(await ask("is_event_done('c', 'member', 1, 7)")).toBe(true);
    expect(await ask("is_batch_done('c', 2)")).toBe(false);
  });

  test('ticks: any tick may be set, null removes it', async () => {
    const db = await givenDatabase();
    const ask = (call: string) => scalar(db, `select pgq_ext.${call}`);
    expect(await ask("get_last_tick('c')")).toBeNull();
    for (const [set, expected] of [
      ['9', 9],
      ['3', 3],
      ['null', null],
    ] as const) {
      expect(await ask(`set_last_tick('c', ${set})`)).toBe(1);
      expect(await ask("get_last_tick('c', '')")).toBe(expected);
    }
    expect(await ask('version()')).toMatch(/^3/);
    expect(await ask('upgrade_schema()')).toBe(0);
  });

  test('a writer may call it, others may not', async () => {
    const db = await givenDatabase();
    const may = (role: string) =>
      scalar(db, `select has_function_privilege($1, 'pgq_ext.set_last_tick(text, int8)', 'execute')`, [role]);
    expect([await may('pgq_writer'), await may('pgq_reader')]).toEqual([true, false]);
  });

  test.runIf(HAS_CLIENT).each(['SerialConsumer', 'RemoteConsumer'])(
    "upstream's %s copies each event once, also where it failed or was started again",
    async (kind) => {
      const [from, to] = [await givenDatabase(), await givenDatabase()];
      await to.query('create table got (id int8, data text)');
      await givenQueue(from, 'q', { consumers: [kind] });
      const written: string[] = [];
      let said = '';
      for (let round = 0; round < 4; round += 1) {
        for (let n = 0; n < 5; n += 1) {
          written.push(`${round}.${n}`);
          await insert(from, 'q', `${round}.${n}`);
        }
        await tick(from, 'q');
        said += await runConsumer(kind, from, to, round === 1 ? 'yes' : '');
        // Its finish at the source is lost: the destination knows, and skips the batch.
        if (round === 2) {
          await from.query('update pgq.subscription set sub_last_tick = sub_last_tick - 1');
        }
      }
      for (let n = 0; n < 4; n += 1) said += await runConsumer(kind, from, to);
      const got = await to.query<{ data: string }>('select data from got order by id, data');
      if (kind === 'SerialConsumer') {
        expect(
          got.map(({ data }) => data),
          said,
        ).toEqual(written);
      } else {
        // A batch id is new after a rewind, so only what was not rewound is once.
        expect([...new Set(got.map(({ data }) => data))], said).toEqual(written);
      }
      expect(said).toContain('on purpose');
    },
  );
});
