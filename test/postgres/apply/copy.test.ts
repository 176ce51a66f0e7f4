// Rows of before, copied: in which order and how often, what is refused, and that a piece and the worker wait for each other. No process moves
// anything here.
import { describe, expect, test } from 'vitest';
import { beginCopies } from '../../../src/apply/copy/copies.ts';
import { copyTable } from '../../../src/apply/copy/copy-table.ts';
import { sourceTables } from '../../../src/apply/copy/source-table.ts';
import { readTarget } from '../../../src/apply/read-target.ts';
import type { AppliedTable } from '../../../src/config/config.ts';
import type { Diagnosis } from '../../../src/observability/doctor/diagnosis.ts';
import { givenFile } from '../../support/installation/config-file.ts';
import { type Cluster, fileFor, givenCluster } from '../../support/installation/installation.ts';
import { runWithTiming } from '../../support/processes/command-thread.ts';
import { run } from '../../support/processes/run-cli.ts';
import { until } from '../../support/until.ts';

const QUEUE = 'changes';

async function givenInstalled(apply: string, cluster?: Cluster, more = '') {
  const own = cluster ?? (await givenCluster());
  const file = givenFile(fileFor(own, { queues: `  ${QUEUE}: { create: true, apply: ${apply} }`, more }));
  const tributary = (...args: string[]) => run(['-c', file, ...args]);
  const installed = await tributary('install');
  expect(installed.code, installed.stderr).toBe(0);
  return { ...own, file, tributary };
}

/** Two shards, whose tables are captured by the file's own capture. */
async function givenTables(source: string, target: string, apply: string, key = '') {
  const cluster = await givenCluster({ shards: 2 });
  await cluster.central.query(target);
  for (const shard of cluster.shards) await (await shard.connect()).script(source);
  return await givenInstalled(
    apply,
    cluster,
    `capture: { it: { tables: ['public.item*'], queue: ${QUEUE}${key} } }`,
  );
}

const rowsOf = async (query: Cluster['central']['query'], from: string) =>
  (await query<{ row: string }>(`select (to_jsonb(t) - 'shard')::text as row from ${from} t order by 1`)).map(
    ({ row }) => row,
  );

describe('apply copy', () => {
  test('pieces in the order of a key of two columns, one of them text, bring each row once; again brings them anew', async () => {
    const installed = await givenTables(
      `create table item (name text, no int, price numeric, at timestamptz, doc json, primary key (name, no));
       insert into item select chr(65 + n % 58) || '''\\' || n % 7, n, n / 3.0, now(), json_build_object('n', n) from generate_series(1, 7000) n`,
      'create table item (shard text, no int, name text, price numeric, at timestamptz, doc jsonb, more int default 7, primary key (no, name, shard))',
      '{ table: item, key: [shard, no, name] }',
    );
    const { central, shards, tributary } = installed;
    const copy = await tributary('apply', 'copy', QUEUE, '--json');
    expect(copy.code, copy.stderr).toBe(0);
    expect(JSON.parse(copy.stdout)).toEqual({
      tables: ['s1', 's2'].map((shard) => ({
        ...{ shard, source: 'public.item', applied: 'public.item', state: 'copied', rows: 7_000 },
      })),
      troubles: [],
    });
    const columns = 'select name, no, price, at, doc::jsonb';
    for (const [at, shard] of shards.entries())
      expect(await rowsOf(central.query, `(${columns} from item where shard = 's${at + 1}')`)).toEqual(
        await rowsOf(shard.query, `(${columns} from item)`),
      );
    expect(await central.query('select count(*) as n, min(more) as least from item')).toEqual([
      { n: 14_000, least: 7 },
    ]);
    // What is copied is not copied again, unless that is said.
    await central.query("delete from item where shard = 's1'");
    await tributary('apply', 'copy', QUEUE);
    expect(await central.query('select count(*) as n from item')).toEqual([{ n: 7_000 }]);
    await tributary('apply', 'copy', QUEUE, '--again', '--shard', 's1');
    expect(await central.query('select count(*) as n from item')).toEqual([{ n: 14_000 }]);
    const status = await tributary('apply', 'status', QUEUE);
    expect(status.stdout).toMatch(
      /SHARD +SOURCE +TABLE +STATE +ROWS +SINCE +LAST PIECE +TROUBLE\ns1 +public\.item +public\.item +copied +7,000/,
    );
  });

  test('a table without an index on the key, and the parts of a partitioned one, are copied as well', async () => {
    const { central, tributary } = await givenTables(
      `create table items (id int not null, part int not null, note text) partition by list (part);
       create table items_a partition of items for values in (1); create table items_b partition of items for values in (2);
       alter table items_a add primary key (id); alter table items_b add primary key (part, id);
       insert into items select n, 1 + n % 2, 'x' from generate_series(1, 5000) n`,
      'create table items (shard text, id int, part int, note text, primary key (shard, id))',
      "{ table: items, source: 'public.items_*', key: [shard, id] }",
      ', key: id',
    );
    const copy = await tributary('apply', 'copy', QUEUE);
    expect(copy.code, copy.stderr).toBe(0);
    expect(await central.query('select shard, count(*) as n from items group by 1 order by 1')).toEqual([
      { shard: 's1', n: 5_000 },
      { shard: 's2', n: 5_000 },
    ]);
  });

  test('what cannot be copied is named, and the other shards are copied', async () => {
    const { central, shards, tributary } = await givenTables(
      'create table item (id int primary key, note text); insert into item values (1, $$a$$)',
      'create table item (shard text, id int, note text, primary key (shard, id))',
      '{ table: item, key: [shard, id] }',
    );
    const [first] = shards;
    await first?.query('alter table item add column colour text');
    const columns = await tributary('apply', 'copy', QUEUE);
    expect(columns.code).toBe(1);
    expect(columns.stderr).toContain(
      'Table public.item of shard s1 has a column colour that table public.item of central does not have.',
    );
    expect(await central.query('select shard, id from item')).toEqual([{ shard: 's2', id: 1 }]);
    await first?.query('alter table item drop column colour');
    await first?.query('alter table item disable trigger all');
    expect((await tributary('apply', 'copy', QUEUE)).stderr).toContain(
      'Table public.item of shard s1 has no trigger that puts each insert, update and delete into queue changes',
    );
    await first?.query('drop table item');
    expect((await tributary('apply', 'copy', QUEUE)).stderr).toContain(
      'Shard s1 has no table public.item that this role can see.',
    );
    await central.query('drop table item');
    const without = await tributary('apply', 'copy', QUEUE);
    expect(without).toMatchObject({ code: 1 });
    expect(without.stderr).toContain('Central has no table public.item, which changes are to be applied to.');
    expect((await tributary('check')).stdout).toContain('has no table public.item');
    expect(await tributary('apply', 'copy', 'chnges')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('did you mean changes?'),
    });
  });

  test('a copy that stands still is named by doctor: which table, since when, why, and what goes on', async () => {
    const { central, tributary, file } = await givenTables(
      'create table item (id int primary key, note text); insert into item select n, $$a$$ from generate_series(1, 3000) n; insert into item values (3001, $$odd$$)',
      "create table item (shard text, id int, note text check (note <> 'odd'), primary key (shard, id))",
      '{ table: item, key: [shard, id] }',
    );
    const doctor = async () => {
      const { stdout } = await runWithTiming('doctor.copySeconds=0', ['-c', file, 'doctor', '--json']);
      const { diagnoses } = JSON.parse(stdout) as { diagnoses: Diagnosis[] };
      return diagnoses.find(({ cause }) => cause === 'copy-stopped');
    };
    expect(await doctor()).toBeUndefined();
    const copy = await tributary('apply', 'copy', QUEUE);
    expect(copy.code).toBe(1);
    const found = await doctor();
    expect(found).toMatchObject({
      ...{ of: 'queue', names: [QUEUE], severity: 'broken', command: `tributary apply copy ${QUEUE}` },
      sentence: expect.stringMatching(
        /^Queue changes: the copy of 2 tables has stood still for \d+ s, since 2\d{3}-.*Z\.$/,
      ),
      evidence: ['s1', 's2'].map((shard) =>
        expect.stringMatching(
          new RegExp(
            `^public\\.item of shard ${shard}, [23],\\d{3} rows in public\\.item: .*violates check constraint`,
          ),
        ),
      ),
    });
    expect((await tributary('apply', 'status', QUEUE)).stdout).toMatch(/violates check constraint/);
    // One that was killed says nothing.
    await central.query('update tributary.apply_copy set trouble = null');
    expect((await doctor())?.evidence[0]).toMatch(
      /[23],\d{3} rows in public\.item: the command that copied has ended$/,
    );
    // One that is at work waits for somebody.
    await central.query('alter table item drop constraint item_note_check');
    const holder = await central.connect();
    await holder.script('begin; select from tributary.apply_copy for update');
    const waiting = tributary('apply', 'copy', QUEUE);
    const [{ pid } = { pid: 0 }] = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
    await until(
      async () => (await doctor())?.evidence.some((one) => one.includes(`waits for session ${pid} `)),
      {
        ...{ what: 'the session that is waited for', timeoutMs: 60_000 },
      },
    );
    await holder.script('commit');
    expect((await waiting).code).toBe(0);
    expect(await doctor()).toBeUndefined();
    expect(await central.query('select count(*) as n from item')).toEqual([{ n: 6_002 }]);
  });

  test('what is copied while older changes may come late is noted as newer than those', async () => {
    const { central, shards, tributary } = await givenTables(
      "create table item (id int primary key, note text); insert into item values (1, 'copied')",
      'create table item (shard text, id int, note text, primary key (shard, id))',
      '{ table: item, key: [shard, id] }',
    );
    const noted = () => central.query('select shard, key from tributary.apply_newer order by shard');
    await tributary('apply', 'copy', QUEUE);
    expect(await noted()).toEqual([]);
    await central.query(
      "insert into tributary.dead_event (kind, central_queue, ev_id, error, attempts) values ('handler', $1, 1, 'odd', 1)",
      [QUEUE],
    );
    await shards[0]?.query("update item set note = 'newer'");
    await tributary('apply', 'copy', QUEUE, '--again', '--shard', 's1');
    expect(await noted()).toEqual([{ shard: 's1', key: '=["1"]' }]);
  });

  test('a piece waits for the worker that applies, and the worker for the piece', async () => {
    const { central, shards } = await givenTables(
      'create table item (id int primary key, note text); insert into item values (1, $$a$$)',
      'create table item (shard text, id int, note text, primary key (shard, id))',
      '{ table: item, key: [shard, id] }',
    );
    const [first] = shards as [Cluster['central']];
    const applied: AppliedTable = {
      ...{ table: 'public.item', source: 'public.item', key: ['shard', 'id'], shard: 'shard' },
      ...{ onConflict: 'error', ignore: [] },
    };
    const [own, shard, worker, other] = await Promise.all([
      ...[central.connect(), first.connect(), central.connect(), central.connect()],
    ]);
    const target = await readTarget(own as never, applied);
    const [source] = await sourceTables(shard as never, target, 's1');
    const names = [{ applied: 'public.item', shard: 's1', source: 'public.item' }];
    const look = "select tributary.apply_look('changes', 'g', array['public.item'], null, array['s1'])";
    const waiting = () =>
      until(
        async () =>
          ((
            await central.query<{ n: number }>(
              "select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            )
          )[0]?.n ?? 0) > 0,
        { what: 'one who waits' },
      );
    // A worker that has looked before the copy was noted is waited for.
    await worker?.script(`begin; ${look}`);
    const begun = beginCopies(own as never, QUEUE, { names, isAgain: false });
    await waiting();
    await worker?.script('commit');
    const [at] = await begun;
    // And one that applies at the moment of a piece.
    await worker?.script(`begin; ${look}`);
    const copied = copyTable(
      {
        ...{ queue: QUEUE, target, source: source as never, shard: shard as never, central: other as never },
        signal: new AbortController().signal,
      },
      at as never,
    );
    await waiting();
    // What it applies now must not be overwritten by what the piece saw before.
    await first.query("update item set note = 'newer'");
    await worker?.script(
      `insert into item values ('s1', 1, 'newer') on conflict (shard, id) do update set note = excluded.note; commit`,
    );
    expect(await copied).toMatchObject({ state: 'copied', rows: 1 });
    expect(await central.query('select note from item')).toEqual([{ note: 'newer' }]);
  });
});
