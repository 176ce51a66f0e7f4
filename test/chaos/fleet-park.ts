// A fleet that changes under load: its shards and their writers, the file or the table that names them, the hosts that run with it,
// and what every event on them is called in the end.
import { readdirSync, writeFileSync } from 'node:fs';
import type { Connection } from '../../src/postgres/connection.ts';
import { readHandled } from '../../src/proof/handled.ts';
import { type ProofRow, readCentralEvents, readShardEvents } from '../../src/proof/origins.ts';
import { judgeProof, type ProofVerdict } from '../../src/proof/verdict.ts';
import { givenFile } from '../support/installation/config-file.ts';
import { connectionsOf } from '../support/installation/installed-hosts.ts';
import { type Load, startLoad } from '../support/mover/load.ts';
import { childrenOf } from '../support/processes/children.ts';
import { isAlive, runTributary, startTributary, type TestProcess } from '../support/processes/process.ts';
import { type Random, randomFrom } from '../support/random.ts';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';
import { until } from '../support/until.ts';

/** A shard from its beginning on; renamed it is the same, and moved it has another database. */
export interface Member {
  /** All that it was called, the first one first: the proof knows it by that. */
  readonly names: string[];
  database: TestDatabase;
  load: Load | undefined;
  isLive: boolean;
  /** How many lines the hosts had said when it ended. */
  endedBehind: ReadonlyMap<TestProcess, number>;
  /** Its database is gone, and had these. */
  buried?: readonly ProofRow[];
}

export interface FleetParkOptions {
  /** Default: at random. */
  readonly isQueried?: boolean;
  /** Pause between the transactions of one writer, in ms. */
  readonly everyMs?: number;
}

const SERVING = /serving (http:\S+)\/livez/;
const ANSWER_MS = 5_000;

/** What it is called now. */
export const nameOf = ({ names }: Member): string => names.at(-1) ?? '';

const entryOf = (member: Member): string =>
  `{ name: ${nameOf(member)}, host: any, url: '${member.database.url}' }`;

const HANDLER = `export default {
  async event(event, { client }) {
    await client.query('insert into handled (origin) values ($1)', [String(event.origin)]);
  },
};`;

export class FleetPark {
  readonly central: TestDatabase;
  readonly file: string;
  /** Whether a query gives the shards, and not the file: then the hosts see changes by themselves, and install what is new. */
  readonly isQueried: boolean;
  readonly #random: Random;
  readonly #members: Member[] = [];
  readonly #hosts = new Map<string, TestProcess>();
  /** What the file of each host had when it read it. */
  readonly #read = new Map<string, ReadonlySet<string>>();
  readonly #everyMs: number | undefined;
  #made = 0;

  private constructor(central: TestDatabase, random: Random, options: FleetParkOptions) {
    this.central = central;
    this.#random = random;
    this.#everyMs = options.everyMs;
    this.isQueried = options.isQueried ?? random.oneIn(2);
    this.file = givenFile('', { others: { 'write.mjs': HANDLER } });
  }

  static async begin(random: Random, shards: number, options: FleetParkOptions = {}): Promise<FleetPark> {
    const central = await givenDatabase({ pgq: 'central' });
    await central.query(
      'create table handled (no bigint generated always as identity, txid bigint default txid_current(), origin text)',
    );
    await central.query('create table tenants (name text primary key, url text)');
    const park = new FleetPark(central, random, options);
    for (let n = 0; n < shards; n += 1) await park.add();
    await park.write();
    await park.run('install');
    return park;
  }

  get live(): readonly Member[] {
    return this.#members.filter(({ isLive }) => isLive);
  }

  /** One that no shard ever had. */
  newName(): string {
    this.#made += 1;
    return `s${this.#made}`;
  }

  /** A new shard with a database of its own; its writers begin at once. */
  async add({ isStill = false }: { readonly isStill?: boolean } = {}): Promise<Member> {
    const own = await givenDatabase();
    await own.query("select pgq.create_queue('orders')");
    const member: Member = {
      ...{ names: [this.newName()], database: own, load: undefined },
      ...{ isLive: true, endedBehind: new Map() },
    };
    this.#members.push(member);
    if (!isStill) this.produce(member);
    return member;
  }

  produce(member: Member): void {
    member.load ??= startLoad([member.database], {
      queues: ['orders'],
      random: randomFrom(this.#random.below(2 ** 31)),
      bulk: 200,
      ...(this.#everyMs !== undefined && { everyMs: this.#everyMs }),
    });
  }

  async still(member: Member): Promise<void> {
    await member.load?.stop();
    member.load = undefined;
  }

  /** The file, or the table, as the fleet is now; hosts that run have read an older file. */
  async write(): Promise<void> {
    await this.central.query(
      `with wanted as (select * from jsonb_to_recordset($1) as w (name text, url text)),
            gone as (delete from tenants where name not in (select name from wanted))
       insert into tenants select name, url from wanted on conflict (name) do update set url = excluded.url`,
      [JSON.stringify(this.live.map((member) => ({ name: nameOf(member), url: member.database.url })))],
    );
    const query = `  - { query: "select name, url, 'any' as host from public.tenants order by name", every: 200ms }`;
    writeFileSync(
      this.file,
      [
        `central: '${this.central.url}'`,
        'shards:',
        ...(this.isQueried ? [query] : this.live.map((member) => `  - ${entryOf(member)}`)),
        'defaults: { tls: off }',
        ...(this.isQueried ? ['install: auto'] : []),
        'queues:',
        '  orders: { create: true, start: oldest, workers: 2, handler: ./write.mjs }',
        '',
      ].join('\n'),
    );
  }

  /** A command to its end. @throws where it does not succeed. */
  async run(...args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await runTributary(['-c', this.file, ...args]);
    if (code !== 0) throw new Error(`tributary ${args.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`);
  }

  /** The same command, killed at a random moment and then run again. */
  async runDespiteDeath(...args: readonly string[]): Promise<void> {
    const command = startTributary(['-c', this.file, ...args]);
    const timer = setTimeout(() => command.kill('SIGKILL'), 300 + this.#random.below(1_500));
    await command.exit;
    clearTimeout(timer);
    await this.run(...args);
  }

  /** Every host has read a file with these shards as they are now, so that they are moved. */
  async ensureKnown(...members: readonly Member[]): Promise<void> {
    if (this.isQueried) return;
    const isKnown = (member: Member) => [...this.#read.values()].every((file) => file.has(entryOf(member)));
    if (!members.every(isKnown)) await this.restartAll();
  }

  /** Starts hosts that do not run, with the file as it is now. */
  async ensureHosts(): Promise<void> {
    for (const name of ['alpha', 'beta']) {
      const host = this.#hosts.get(name);
      if (host !== undefined && isAlive(host.pid)) continue;
      const started = startTributary(['-c', this.file, 'start', '--host', name, '--http', ':0']);
      this.#hosts.set(name, started);
      this.#read.set(name, new Set(this.live.map(entryOf)));
      await started.waitForLine(/starting: /);
    }
  }

  /** One host, or the whole of it, or in order; the others may run with an older file for longer. */
  async strike(how: 'kill -9' | 'power' | 'stop'): Promise<string> {
    const [name, host] = this.#random.pick([...this.#hosts]);
    if (how === 'power') process.kill(-host.pid, 'SIGKILL');
    else host.kill(how === 'stop' ? 'SIGTERM' : 'SIGKILL');
    await host.exit;
    await this.ensureHosts();
    return `host ${name}: ${how}, started again`;
  }

  /** All hosts run with the file as it is now; where a query gives the shards they do so by themselves. */
  async takeFile(): Promise<void> {
    if (this.isQueried) return;
    if (this.#random.oneIn(2)) return await this.restartAll();
    await this.run('reload');
    for (const name of this.#hosts.keys()) this.#read.set(name, new Set(this.live.map(entryOf)));
  }

  /** It has ended just now. */
  ends(...members: readonly Member[]): void {
    for (const member of members)
      member.endedBehind = new Map([...this.#hosts.values()].map((host) => [host, host.stderr.length]));
  }

  /** Keeps what the proof needs of one that has ended, and drops its database once no host is connected to it. */
  async bury(member: Member): Promise<void> {
    const connection = await member.database.connect();
    member.buried = await readShardEvents(connection, { shard: member.names[0] ?? '', queue: 'orders' });
    await connection.close();
    await this.drop(member.database);
  }

  /** A database that no host should be connected to any more, once that is so. */
  async drop({ name }: TestDatabase): Promise<void> {
    const sql = `select from pg_stat_activity where datname = $1 and application_name like 'tributary mover%'`;
    await until(async () => (await this.central.query(sql, [name])).length === 0, {
      what: `no connection of a host to database ${name}`,
      timeoutMs: 60_000,
    });
    await this.central.query(`drop database "${name}" with (force)`);
  }

  /** Whether central has events of it. */
  async hasMoved(member: Member): Promise<boolean> {
    const rows = await this.central.query(
      `select from tributary.source s cross join lateral (
         select moved from tributary.position p where p.source = s.id order by n desc limit 1) p
       where s.shard = $1 and p.moved > 0`,
      [nameOf(member)],
    );
    return rows.length > 0;
  }

  /** Open files and sockets of the hosts and all that they have forked, as it is when nothing is under way. */
  get handles(): number {
    const pids = [...this.#hosts.values()].flatMap((host) => [host.pid, ...childrenOf(host)]);
    return pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/fd`).length, 0);
  }

  /** What one host has logged of one shard that has ended, since then: the most that there is. */
  get mostSaidOfEnded(): readonly string[] {
    const ended = this.#members.filter(({ isLive }) => !isLive);
    const said = ended.flatMap((member) => {
      const isOfIt = (line: string) => new RegExp(`\\b${nameOf(member)}\\b`).test(line);
      return [...member.endedBehind].map(([host, from]) => host.stderr.slice(from).filter(isOfIt));
    });
    return said.sort((a, b) => b.length - a.length)[0] ?? [];
  }

  /** Connections of the hosts: to central, and the most to one shard, and to all that have ended. */
  async connections(): Promise<{ central: number; shard: number; ended: number }> {
    const counts = await Promise.all(
      this.#members.map(async ({ database, isLive, buried }) => {
        if (buried !== undefined) return { isLive, n: 0 };
        const [row] = await database.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
            where datname = current_database() and application_name like 'tributary mover%'`,
        );
        return { isLive, n: row?.n ?? 0 };
      }),
    );
    const of = (isLive: boolean) => counts.filter((one) => one.isLive === isLive).map(({ n }) => n);
    const ended = of(false).reduce((sum, n) => sum + n, 0);
    return { central: await connectionsOf(this.central), shard: Math.max(...of(true)), ended };
  }

  /** All hosts end, and begin with the file as it is now. */
  async restartAll(): Promise<void> {
    for (const host of this.#hosts.values()) host.kill('SIGTERM');
    for (const host of this.#hosts.values()) await host.exit;
    await this.ensureHosts();
  }

  /** What hosts say that are not ready, and of whom nothing is heard. */
  async unready(): Promise<string[]> {
    const said = await Promise.all(
      [...this.#hosts].map(async ([name, { stderr }]) => {
        const url = stderr.map((line) => SERVING.exec(line)?.[1]).find((found) => found !== undefined);
        const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(
          () => undefined,
        );
        return answer?.ok ? [] : [`${name}: ${(await answer?.text()) ?? 'no answer'}`];
      }),
    );
    return said.flat();
  }

  get lastWords(): string {
    return [...this.#hosts]
      .map(([name, { stderr }]) => `host ${name}\n${stderr.slice(-25).join('\n')}`)
      .join('\n\n');
  }

  /** Everything that was ever committed on a shard, against central and what was handled. */
  async verdict(): Promise<ProofVerdict> {
    const connections: Connection[] = [];
    const open = async (database: TestDatabase) => {
      const connection = await database.connect();
      connections.push(connection);
      return connection;
    };
    try {
      const shards: ProofRow[] = [];
      for (const {
        names: [first = ''],
        database,
        buried,
      } of this.#members)
        for (const row of buried ??
          (await readShardEvents(await open(database), { shard: first, queue: 'orders' })))
          shards.push(row);
      const names = new Map(this.#members.flatMap((one) => one.names.map((name) => [name, one.names[0]])));
      const asFirst = (rows: readonly ProofRow[]) =>
        rows.map((row) => {
          const [shard = '', ...rest] = row.origin.split(':');
          return { ...row, origin: [names.get(shard) ?? shard, ...rest].join(':') };
        });
      const central = await open(this.central);
      return judgeProof({
        shards,
        central: asFirst(await readCentralEvents(central, { queue: 'orders' })),
        handled: asFirst(await readHandled(central, 'handled')),
        isHandledInOrder: false,
      });
    } finally {
      await Promise.all(connections.map((connection) => connection.close()));
    }
  }

  async end(): Promise<void> {
    for (const member of this.#members) await this.still(member);
    for (const host of this.#hosts.values()) host.kill('SIGTERM');
    for (const host of this.#hosts.values()) await host.exit;
  }
}
