// A fleet that changes under load: its shards and their writers, the file that names them, the hosts that run with it, and what every
// event on them is called in the end.
import { writeFileSync } from 'node:fs';
import type { Connection } from '../../src/postgres/connection.ts';
import { readHandled } from '../../src/proof/handled.ts';
import { type ProofRow, readCentralEvents, readShardEvents } from '../../src/proof/origins.ts';
import { judgeProof, type ProofVerdict } from '../../src/proof/verdict.ts';
import { givenFile } from '../support/installation/config-file.ts';
import { type Load, startLoad } from '../support/mover/load.ts';
import { isAlive, runTributary, startTributary, type TestProcess } from '../support/processes/process.ts';
import { type Random, randomFrom } from '../support/random.ts';
import { givenDatabase, type TestDatabase } from '../support/server/database.ts';

/** A shard from its beginning on; renamed it is the same, and moved it has another database. */
export interface Member {
  /** All that it was called, the first one first: the proof knows it by that. */
  readonly names: string[];
  database: TestDatabase;
  load: Load | undefined;
  isLive: boolean;
}

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
  readonly #random: Random;
  readonly #members: Member[] = [];
  readonly #hosts = new Map<string, TestProcess>();
  /** What the file of each host had when it read it. */
  readonly #read = new Map<string, ReadonlySet<string>>();
  #made = 0;

  private constructor(central: TestDatabase, random: Random) {
    this.central = central;
    this.#random = random;
    this.file = givenFile('', { others: { 'write.mjs': HANDLER } });
  }

  static async begin(random: Random, shards: number): Promise<FleetPark> {
    const central = await givenDatabase({ pgq: 'central' });
    await central.query(
      'create table handled (no bigint generated always as identity, txid bigint default txid_current(), origin text)',
    );
    const park = new FleetPark(central, random);
    for (let n = 0; n < shards; n += 1) await park.add();
    park.write();
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
    const member: Member = { names: [this.newName()], database: own, load: undefined, isLive: true };
    this.#members.push(member);
    if (!isStill) this.produce(member);
    return member;
  }

  produce(member: Member): void {
    member.load ??= startLoad([member.database], {
      queues: ['orders'],
      random: randomFrom(this.#random.below(2 ** 31)),
      bulk: 200,
    });
  }

  async still(member: Member): Promise<void> {
    await member.load?.stop();
    member.load = undefined;
  }

  /** The file as the fleet is now; hosts that run have read an older one. */
  write(): void {
    writeFileSync(
      this.file,
      [
        `central: '${this.central.url}'`,
        'shards:',
        ...this.live.map((member) => `  - ${entryOf(member)}`),
        'defaults: { tls: off }',
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
    const isKnown = (member: Member) => [...this.#read.values()].every((file) => file.has(entryOf(member)));
    if (!members.every(isKnown)) await this.restartAll();
  }

  /** Starts hosts that do not run, with the file as it is now. */
  async ensureHosts(): Promise<void> {
    for (const name of ['alpha', 'beta']) {
      const host = this.#hosts.get(name);
      if (host !== undefined && isAlive(host.pid)) continue;
      const started = startTributary(['-c', this.file, 'start', '--host', name]);
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

  /** All hosts read the file as it is now. */
  async restartAll(): Promise<void> {
    for (const host of this.#hosts.values()) host.kill('SIGTERM');
    for (const host of this.#hosts.values()) await host.exit;
    await this.ensureHosts();
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
      } of this.#members)
        shards.push(...(await readShardEvents(await open(database), { shard: first, queue: 'orders' })));
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
